"""The machine code that finds gradients where torch keeps them: of sharded parameters what is here of theirs."""

from .inside_tensors import AUTOGRAD, GRAD, IMPL, ITEMS, LENGTH, TYPE
from .look_tables import OBJECT, ROW, TABLES

GRADIENTS = f"""
define internal ptr @gradient(ptr %impl, ptr %none) alwaysinline {{
  %autograd = call ptr @field(ptr %impl, i64 {AUTOGRAD})
  %never = icmp eq ptr %autograd, null
  br i1 %never, label %without, label %with
without:
  ret ptr %none
with:
  %grad = call ptr @field(ptr %autograd, i64 {GRAD})
  ret ptr %grad
}}

define internal ptr @in_python(ptr %impl) alwaysinline {{
  %at = getelementptr i8, ptr %impl, i64 {OBJECT}
  %word = load i64, ptr %at
  %address = and i64 %word, -2
  %object = inttoptr i64 %address to ptr
  ret ptr %object
}}

define internal ptr @bearer(ptr %row) alwaysinline {{
  %own = call ptr @field(ptr %row, i64 {8 * ROW.index("impl")})
  %whole = call ptr @field(ptr %row, i64 {8 * ROW.index("whole")})
  %is_own = icmp eq ptr %whole, null
  br i1 %is_own, label %plain, label %sharded
plain:
  ret ptr %own
sharded:
  %impl = call ptr @field(ptr %whole, i64 {IMPL})
  ret ptr %impl
}}

define internal ptr @local_gradient(ptr %row, ptr %none) alwaysinline {{
  %bearer = call ptr @bearer(ptr %row)
  %grad = call ptr @gradient(ptr %bearer, ptr %none)
  %without = icmp eq ptr %grad, %none
  %whole = call ptr @field(ptr %row, i64 {8 * ROW.index("whole")})
  %is_own = icmp eq ptr %whole, null
  %known = or i1 %without, %is_own
  br i1 %known, label %plain, label %sharded
plain:
  ret ptr %grad
sharded:
  %object = call ptr @in_python(ptr %grad)
  %missing = icmp eq ptr %object, null
  br i1 %missing, label %no, label %typed
typed:
  %type = call ptr @field(ptr %object, i64 {TYPE})
  %type.known = call ptr @field(ptr %whole, i64 {TYPE})
  %type.same = icmp eq ptr %type, %type.known
  br i1 %type.same, label %divided, label %no
divided:
  %local.at = call ptr @field(ptr %row, i64 {8 * ROW.index("local.at")})
  %local.place = ptrtoint ptr %local.at to i64
  %spec.at = call ptr @field(ptr %row, i64 {8 * ROW.index("spec.at")})
  %spec.place = ptrtoint ptr %spec.at to i64
  %local = call ptr @field(ptr %whole, i64 %local.place)
  %local.known = call ptr @field(ptr %row, i64 {8 * ROW.index("object")})
  %local.same = icmp eq ptr %local, %local.known
  %spec = call ptr @field(ptr %object, i64 %spec.place)
  %spec.known = call ptr @field(ptr %row, i64 {8 * ROW.index("spec")})
  %spec.same = icmp eq ptr %spec, %spec.known
  %same = and i1 %local.same, %spec.same
  br i1 %same, label %here, label %no
here:
  %part = call ptr @field(ptr %object, i64 %local.place)
  %is_nothing = icmp eq ptr %part, null
  br i1 %is_nothing, label %no, label %tensor
tensor:
  %part.type = call ptr @field(ptr %part, i64 {TYPE})
  %local.type = call ptr @field(ptr %local, i64 {TYPE})
  %is_plain = icmp eq ptr %part.type, %local.type
  br i1 %is_plain, label %yes, label %no
yes:
  %impl = call ptr @field(ptr %part, i64 {IMPL})
  ret ptr %impl
no:
  ret ptr %none
}}

define internal i1 @are_held(ptr %tables, ptr %list) {{
entry:
  %nothing = icmp eq ptr %list, null
  br i1 %nothing, label %yes, label %some
some:
  %rows = call ptr @field(ptr %tables, i64 {16 * TABLES.index("params")})
  %count.at = getelementptr i64, ptr %tables, i64 {2 * TABLES.index("params") + 1}
  %count = load i64, ptr %count.at
  %length.at = getelementptr i8, ptr %list, i64 {LENGTH}
  %length = load i64, ptr %length.at
  %as_many = icmp eq i64 %count, %length
  br i1 %as_many, label %listed, label %no
listed:
  %items = call ptr @field(ptr %list, i64 {ITEMS})
  br label %each
each:
  %i = phi i64 [ 0, %listed ], [ %i.next, %next ]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %one, label %yes
one:
  %row.place = mul i64 %i, {len(ROW)}
  %row = getelementptr i64, ptr %rows, i64 %row.place
  %bearer = call ptr @bearer(ptr %row)
  %grad = call ptr @gradient(ptr %bearer, ptr null)
  %object = call ptr @in_python(ptr %grad)
  %item.at = getelementptr ptr, ptr %items, i64 %i
  %item = load ptr, ptr %item.at
  %same = icmp eq ptr %item, %object
  br i1 %same, label %next, label %no
next:
  %i.next = add i64 %i, 1
  br label %each
yes:
  ret i1 true
no:
  ret i1 false
}}
"""
