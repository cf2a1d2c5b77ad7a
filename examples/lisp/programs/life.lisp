; The game of life on a torus: a glider, a blinker and an r-pentomino.

(define width 48)
(define height 24)

(define (empty-board) (make-vector (* width height) 0))

(define (at board x y)
  (vector-ref board (+ (* (modulo y height) width) (modulo x width))))

(define (put! board x y)
  (vector-set! board (+ (* y width) x) 1))

(define (neighbours board x y)
  (+ (at board (- x 1) (- y 1)) (at board x (- y 1)) (at board (+ x 1) (- y 1))
     (at board (- x 1) y)                            (at board (+ x 1) y)
     (at board (- x 1) (+ y 1)) (at board x (+ y 1)) (at board (+ x 1) (+ y 1))))

; Every generation is a new board; the old one is garbage.
(define (next board)
  (let ((new (empty-board)))
    (let rows ((y 0))
      (when (< y height)
        (let columns ((x 0))
          (when (< x width)
            (let ((n (neighbours board x y)))
              (when (or (= n 3) (and (= n 2) (= (at board x y) 1)))
                (put! new x y)))
            (columns (+ x 1))))
        (rows (+ y 1))))
    new))

(define (row board y)
  (let loop ((x (- width 1)) (cells '()))
    (if (< x 0)
        (list->string cells)
        (loop (- x 1) (cons (if (= (at board x y) 1) "#" ".") cells)))))

(define (show board)
  (for-each (lambda (y) (display (row board y) "\n")) (range 0 height)))

(define (population board)
  (let loop ((n 0) (sum 0))
    (if (= n (* width height))
        sum
        (loop (+ n 1) (+ sum (vector-ref board n))))))

(define (play board generation last)
  (when (= (remainder generation 20) 0)
    (display "generation " generation ": " (population board) " cells\n"))
  (if (= generation last)
      (show board)
      (play (next board) (+ generation 1) last)))

(define board (empty-board))
(define (all! cells)
  (for-each (lambda (cell) (put! board (car cell) (cadr cell))) cells))
(all! '((1 0) (2 1) (0 2) (1 2) (2 2)))
(all! '((40 4) (41 4) (42 4)))
(all! '((24 12) (25 12) (23 13) (24 13) (24 14)))

(play board 0 (if (null? arguments) 100 (string->number (car arguments))))
