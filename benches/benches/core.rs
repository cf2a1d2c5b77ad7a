//! Single operations beside their baselines. Each group's baseline comes last.

use std::time::Duration;

use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for group in benches::ops::groups() {
        let mut benches = criterion.benchmark_group(group.name);
        if group.surrounded {
            benches.sample_size(10).warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_millis(20));
        }
        for op in group.ops {
            let mut run = None;
            benches.bench_function(op.name, |bencher| {
                // Made when it is not filtered out, and gone before the next.
                let run = run.get_or_insert_with(op.make);
                bencher.iter_custom(run);
            });
        }
        benches.finish();
    }
    criterion.final_summary();
}
