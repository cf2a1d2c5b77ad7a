; The corners of the language, one line each.

(define (show . values) (write values) (newline))

(show 1 -2.5 "a \"b\"" 'symbol #t #f '() '(1 (2 . 3) . 4))
(show (+ 1 2 3) (- 5) (* 2 0.5) (/ 1 4) (quotient 7 2) (remainder -7 2) (modulo -7 2))
(show (< 1 2 3) (>= 2 2 3) (= 1 1.0) (equal? '(1 "a") (list 1 "a")) (eq? "a" "a"))

; Scopes: let binds at once, let* one by one, letrec all of them together.
(define x 1)
(show (let ((x 2) (y x)) (list x y)) (let* ((x 2) (y x)) (list x y)))
(show (letrec ((even? (lambda (n) (or (= n 0) (odd? (- n 1)))))
               (odd? (lambda (n) (and (> n 0) (even? (- n 1))))))
        (list (even? 10) (odd? 10))))

; Variables that are assigned, as parameters, in let, at the top level, and captured by two closures.
(define (assigned p)
  (let ((q 1))
    (set! p (+ p q))
    (set! q (* p 10))
    (list p q)))
(show (assigned 4))
(define (cell value)
  (cons (lambda () value) (lambda (new) (set! value new))))
(define c (cell 1))
((cdr c) 7)
(show ((car c)))
(set! x (+ x 1))
(show x)

; A definition inside a body, of a variable and of procedures that call each other.
(define (outer n)
  (define base (identity 10))
  (define (add m) (+ base m))
  (define (twice m) (add (add m)))
  (twice n))
(define (identity x) x)
(show (outer 1))

; Operands that call: from left to right, around simple ones.
(define (f n) (+ n 1))
(show (+ (f 1) 10 (* (f 2) (f 3)) (if (f 0) (f 4) 0)))
(show (and (f 1) (f 2)) (or #f (f 3)) (and) (or) (and 1 #f 2) (or #f #f))
(show (cond ((assq 'b '((a 1) (b 2)))) (else 0)) (cond (#f 1)) (when (f 1) 1 2) (unless (f 1) 3))
(show (let loop ((n 3) (list '())) (if (= n 0) list (loop (- n 1) (cons (f n) list)))))
(show ((lambda (a . rest) (list a rest)) 1 2 3) ((lambda all all)) (map car '((1) (2))))

; A name that hides a built-in, and a built-in as a value.
(show (let ((list 3)) (+ list 1)) (fold + 0 '(1 2 3)) ((if #t car cdr) '(1 2)))
(show (+ 1 (let () (define (car x) (* x x)) (car 3))) (+ 1 ((lambda (cdr) (cdr 5)) (lambda (x) x))))

; A knot of closures: a cycle through a variable.
(define (knot n)
  (letrec ((self (lambda (m) (if (= m 0) self (self (- m 1))))))
    (self n)))
(let loop ((n 200))
  (when (> n 0) (knot 3) (loop (- n 1))))
(show (procedure? (knot 5)))

(define v (vector 1 2 3))
(vector-set! v 1 v)
(show (vector-length (vector-ref v 1)) (eq? v (vector-ref v 1)))
(show (string-append "a" "b") (string->list "abc") (list->string '("x" "y")) (string<? "a" "b")
      (string->number "12") (string->number "1.5") (string->number "x") (number->string 3))
(show (sort '(3 1 2) <) (filter (lambda (n) (> n 1)) '(3 1 2)) (range 0 3) (append '(1) '(2)))
