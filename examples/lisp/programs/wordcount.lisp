; Counts the words of a text file: the twenty most frequent, and some sums.

(define (words chars)
  (let loop ((chars chars) (word '()) (done '()))
    (cond ((null? chars)
           (reverse (if (null? word) done (cons (finish word) done))))
          ((letter? (car chars))
           (loop (cdr chars) (cons (car chars) word) done))
          ((null? word)
           (loop (cdr chars) '() done))
          (else
           (loop (cdr chars) '() (cons (finish word) done))))))

(define (finish word)
  (string-downcase (list->string (reverse word))))

(define counts (make-table))

(define (count word)
  (table-set! counts word (+ 1 (table-ref counts word 0))))

(define (take n list)
  (if (or (= n 0) (null? list))
      '()
      (cons (car list) (take (- n 1) (cdr list)))))

(define (pad text width)
  (if (< (string-length text) width)
      (pad (string-append " " text) width)
      text))

(define text (read-file "garden.txt"))
(define all (words (string->list text)))
(for-each count all)

(define entries
  (map (lambda (word) (cons (table-ref counts word) word)) (table-keys counts)))

(for-each
  (lambda (entry)
    (display (pad (number->string (car entry)) 5) " " (cdr entry) "\n"))
  (take 20 (sort entries (lambda (a b) (> (car a) (car b))))))

(display (length all) " words, " (length entries) " of them different, in "
         (string-length text) " characters\n")
(display "the longest: "
         (fold (lambda (best entry)
                 (if (> (string-length (cdr entry)) (string-length best)) (cdr entry) best))
               "" entries)
         "\n")
