//! Pages, spans and slots: the memory under a garbage collector.
