//! Quotas: two threads charge to two quotas of one parent, which has room for one of them.
//!
//! Shown: the limit of neither is ever passed, a refusal leaves nothing charged, and what is refunded can be charged again.
//!
//! covers: allocator::quota::Quota::charged
//! numbers: allocator::quota::Quota::limit

use loom::thread;

use crate::quota::Quota;

#[test]
fn loom_charges_never_pass_a_limit() {
    loom::model(|| {
        let all = Quota::new(10, None);
        let quotas = [Quota::new(8, Some(all.clone())), Quota::new(8, Some(all.clone()))];
        let threads = quotas.clone().map(|quota| {
            let all = all.clone();
            thread::spawn(move || {
                if quota.try_charge(6).is_err() {
                    return false;
                }
                assert!(all.charged() <= 10 && quota.charged() <= 8);
                quota.refund(2);
                true
            })
        });
        let charged = threads.map(|thread| thread.join().unwrap()).into_iter().filter(|&charged| charged).count();
        assert!(charged >= 1, "both were refused, and there was room for one");
        assert_eq!(all.charged(), 4 * charged);
        assert_eq!(quotas[0].charged() + quotas[1].charged(), 4 * charged);
    });
}
