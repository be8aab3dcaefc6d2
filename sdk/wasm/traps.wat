;; One export for each way to trap; its name begins with the number that the reply has for it (wasm_library.h).
;; host.mjs carries it in base64: wat2wasm traps.wat -o - | base64 -w0. A test compares.
(module
  (type $none (func)) (memory 0) (table 2 funcref) (elem (i32.const 0) $one)
  (func $one (result i32) (i32.const 0))
  (func (export "1a") (drop (i32.load (i32.const 0))))
  (func (export "1b") (i32.store (i32.const 0) (i32.const 0)))
  (func (export "1c") (memory.fill (i32.const 0) (i32.const 0) (i32.const 1)))
  (func (export "1d") (memory.copy (i32.const 0) (i32.const 0) (i32.const 1)))
  (func (export "2a") (drop (i32.div_s (i32.const 0x80000000) (i32.const -1))))
  (func (export "2b") (drop (i32.trunc_f32_s (f32.const 1e30))))
  (func (export "2c") (drop (i32.trunc_f64_u (f64.const nan))))
  (func (export "3a") (drop (i32.div_u (i32.const 1) (i32.const 0))))
  (func (export "3b") (drop (i32.rem_u (i32.const 1) (i32.const 0))))
  (func (export "5a") unreachable)
  (func (export "6a") (call_indirect (type $none) (i32.const 9)))
  (func (export "6b") (call_indirect (type $none) (i32.const 1)))
  (func (export "6c") (call_indirect (type $none) (i32.const 0))))
