"""The machine code that asks for what torch knows of later tensors while one is looked at.

After a training step it is in no cache, and each tensor leads to the next place only when the last one has come. Asking
costs little, and what is asked for may be gone: then nothing comes, and nothing faults.
"""

from .look_tables import ROW, STATE

AHEAD = 6
"""How many rows ahead."""

REQUESTS = f"""
declare void @llvm.prefetch.p0(ptr, i32, i32, i32)

define internal void @request_tensor(ptr %impl) alwaysinline {{
  call void @llvm.prefetch.p0(ptr %impl, i32 0, i32 3, i32 1)
  %middle = getelementptr i8, ptr %impl, i64 64
  call void @llvm.prefetch.p0(ptr %middle, i32 0, i32 3, i32 1)
  %last = getelementptr i8, ptr %impl, i64 128
  call void @llvm.prefetch.p0(ptr %last, i32 0, i32 3, i32 1)
  ret void
}}

define internal void @request_state(ptr %row) alwaysinline {{
  %object = call ptr @field(ptr %row, i64 0)
  call void @llvm.prefetch.p0(ptr %object, i32 0, i32 3, i32 1)
  %impl = call ptr @field(ptr %row, i64 {8 * STATE.index("impl")})
  call void @request_tensor(ptr %impl)
  %storage = call ptr @field(ptr %row, i64 {8 * STATE.index("storage")})
  call void @llvm.prefetch.p0(ptr %storage, i32 0, i32 3, i32 1)
  ret void
}}

define internal void @request_param(ptr %row) alwaysinline {{
  call void @request_state(ptr %row)
  %grad = call ptr @field(ptr %row, i64 {8 * ROW.index("grad.seen")})
  call void @request_tensor(ptr %grad)
  ret void
}}

define internal void @request_nothing(ptr %row) alwaysinline {{
  ret void
}}
"""
