; n-queens: how many ways are there to put n queens on a board so that none attacks another?
; The main job of the repository: it lives from short lists, and allocates without pause.

(define (safe? queen distance placed)
  (cond ((null? placed) #t)
        ((= (car placed) queen) #f)
        ((= (car placed) (+ queen distance)) #f)
        ((= (car placed) (- queen distance)) #f)
        (else (safe? queen (+ distance 1) (cdr placed)))))

(define (place row size placed)
  (if (= row size)
      1
      (let try ((queen 0) (ways 0))
        (cond ((= queen size) ways)
              ((safe? queen 1 placed)
               (try (+ queen 1) (+ ways (place (+ row 1) size (cons queen placed)))))
              (else (try (+ queen 1) ways))))))

(define (show-all from to)
  (when (<= from to)
    (display from " queens: " (place 0 from '()) " ways\n")
    (show-all (+ from 1) to)))

; The largest board may be given: lisp queens.lisp 8
(show-all 4 (if (null? arguments) 12 (string->number (car arguments))))
