; The procedures that call procedures, written in the language itself.

(define (map f list)
  (let loop ((list list) (done '()))
    (if (null? list)
        (reverse done)
        (loop (cdr list) (cons (f (car list)) done)))))

(define (for-each f list)
  (when (pair? list)
    (f (car list))
    (for-each f (cdr list))))

(define (filter keep? list)
  (let loop ((list list) (done '()))
    (cond ((null? list) (reverse done))
          ((keep? (car list)) (loop (cdr list) (cons (car list) done)))
          (else (loop (cdr list) done)))))

(define (fold f value list)
  (if (null? list)
      value
      (fold f (f value (car list)) (cdr list))))

(define (range from to)
  (let loop ((at (- to 1)) (done '()))
    (if (< at from) done (loop (- at 1) (cons at done)))))

; A merge sort: stable.
(define (sort list before?)
  (define (merge a b done)
    (cond ((null? a) (append (reverse done) b))
          ((null? b) (append (reverse done) a))
          ((before? (car b) (car a)) (merge a (cdr b) (cons (car b) done)))
          (else (merge (cdr a) b (cons (car a) done)))))
  (define (pairs lists)
    (if (or (null? lists) (null? (cdr lists)))
        lists
        (cons (merge (car lists) (cadr lists) '()) (pairs (cddr lists)))))
  (let loop ((lists (map (lambda (item) (cons item '())) list)))
    (cond ((null? lists) '())
          ((null? (cdr lists)) (car lists))
          (else (loop (pairs lists))))))
