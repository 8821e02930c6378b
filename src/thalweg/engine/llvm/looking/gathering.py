"""The machine code that writes what torch keeps of many tensors into rows: in one call, not tensor by tensor."""

from .inside_tensors import BYTES, DATA, IMPL, SHAPE_WORDS, STORAGE
from .look_tables import START

OWN_WORDS = ("object", "impl", "storage", "data", "bytes")
"""The words of a row: where Python and torch have the tensor, where its storage is, that one's memory, and how much.
After them come those of its shape."""

WIDTH = len(OWN_WORDS) + SHAPE_WORDS

TEXT = f"""
define i32 @gather(ptr %items, i64 %count, ptr %rows) {{
entry:
  br label %each
each:
  %i = phi i64 [ 0, %entry ], [ %i.next, %next ]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %one, label %done
one:
  %item.at = getelementptr ptr, ptr %items, i64 %i
  %object = load ptr, ptr %item.at
  %place = mul i64 %i, {WIDTH}
  %row = getelementptr i64, ptr %rows, i64 %place
  %impl.at = getelementptr i8, ptr %object, i64 {IMPL}
  %impl = load ptr, ptr %impl.at
  %storage.at = getelementptr i8, ptr %impl, i64 {STORAGE}
  %storage = load ptr, ptr %storage.at
  store ptr %object, ptr %row
  %row.impl = getelementptr i64, ptr %row, i64 1
  store ptr %impl, ptr %row.impl
  %row.storage = getelementptr i64, ptr %row, i64 2
  store ptr %storage, ptr %row.storage
  %shape = getelementptr i8, ptr %impl, i64 {START}
  %row.shape = getelementptr i64, ptr %row, i64 {len(OWN_WORDS)}
  call void @llvm.memcpy.inline.p0.p0.i64(ptr %row.shape, ptr %shape, i64 {8 * SHAPE_WORDS}, i1 false)
  %has_none = icmp eq ptr %storage, null
  br i1 %has_none, label %next, label %stored
stored:
  %data.at = getelementptr i8, ptr %storage, i64 {DATA}
  %data = load ptr, ptr %data.at
  %row.data = getelementptr i64, ptr %row, i64 3
  store ptr %data, ptr %row.data
  %bytes.at = getelementptr i8, ptr %storage, i64 {BYTES}
  %bytes = load i64, ptr %bytes.at
  %row.bytes = getelementptr i64, ptr %row, i64 4
  store i64 %bytes, ptr %row.bytes
  br label %next
next:
  %i.next = add i64 %i, 1
  br label %each
done:
  ret i32 0
}}

declare void @llvm.memcpy.inline.p0.p0.i64(ptr, ptr, i64, i1)
"""
