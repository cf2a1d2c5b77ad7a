; A symbolic differentiator: the derivative of an expression, simplified, and then of that again.

(define (sum a b)
  (cond ((and (number? a) (number? b)) (+ a b))
        ((equal? a 0) b)
        ((equal? b 0) a)
        ((equal? a b) (product 2 a))
        (else (list '+ a b))))

(define (product a b)
  (cond ((and (number? a) (number? b)) (* a b))
        ((or (equal? a 0) (equal? b 0)) 0)
        ((equal? a 1) b)
        ((equal? b 1) a)
        ((number? b) (product b a))
        ((and (number? a) (pair? b) (eq? (car b) '*) (number? (cadr b)))
         (product (* a (cadr b)) (caddr b)))
        (else (list '* a b))))

(define (power base exponent)
  (cond ((equal? exponent 0) 1)
        ((equal? exponent 1) base)
        (else (list '^ base exponent))))

(define (constant? e x)
  (cond ((number? e) #t)
        ((symbol? e) (not (eq? e x)))
        (else (let loop ((parts (cdr e)))
                (or (null? parts)
                    (and (constant? (car parts) x) (loop (cdr parts))))))))

(define (derive e x)
  (cond ((constant? e x) 0)
        ((symbol? e) 1)
        (else ((rule (car e)) e x))))

(define rules
  (list
    (cons '+ (lambda (e x)
      (sum (derive (cadr e) x) (derive (caddr e) x))))
    (cons '* (lambda (e x)
      (sum (product (derive (cadr e) x) (caddr e))
           (product (cadr e) (derive (caddr e) x)))))
    (cons '^ (lambda (e x)
      (let ((base (cadr e)) (n (caddr e)))
        (product (product n (power base (- n 1))) (derive base x)))))
    (cons 'sin (lambda (e x)
      (product (list 'cos (cadr e)) (derive (cadr e) x))))
    (cons 'cos (lambda (e x)
      (product (product -1 (list 'sin (cadr e))) (derive (cadr e) x))))
    (cons 'exp (lambda (e x)
      (product e (derive (cadr e) x))))))

(define (rule operator)
  (let ((found (assq operator rules)))
    (if found (cdr found) (error "no rule for" operator))))

(define (size e)
  (if (pair? e)
      (fold (lambda (sum part) (+ sum (size part))) 1 (cdr e))
      1))

(define (show e)
  (write e)
  (newline))

(for-each (lambda (e) (show (list 'd e '= (derive e 'x))))
  '(7
    x
    y
    (+ x 3)
    (* 3 x)
    (* x (* x x))
    (^ x 5)
    (+ (* 4 (^ x 3)) (+ (* -2 x) 7))
    (sin (* 2 x))
    (exp (^ x 2))
    (* (sin x) (cos x))))

; The derivatives of one expression, each of the one before: they grow fast.
(define (repeat e times)
  (display times " to go, " (size e) " nodes\n")
  (when (> times 0)
    (repeat (derive e 'x) (- times 1))))

(repeat '(* (exp (sin x)) (cos (^ x 3)))
        (if (null? arguments) 7 (string->number (car arguments))))
