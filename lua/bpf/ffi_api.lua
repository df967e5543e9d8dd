-- The data plane by FFI (runtime/host/ffi_api.h, from which the declarations come).
local ffi = require "ffi"

ffi.cdef(require "bpf.ffi_declarations")

return ffi.C
