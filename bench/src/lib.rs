//! Micro-benchmarks, stress harness and side-by-side runs of Volary.
