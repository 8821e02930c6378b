"""The machine code that compares tensors with what they were: where torch keeps them, without asking through Python."""

from .finding_gradients import GRADIENTS
from .inside_tensors import BYTES, COUNT, DATA, IMPL, SHAPE_WORDS, STORAGE, VERSION
from .look_tables import ROW, START, STATE, TABLES
from .tensors_ahead import AHEAD, REQUESTS

HALF = 8
"""Words of a shape that are compared at once: twice as many are at least all, and some of them are compared twice."""

WORDS = f"<{HALF} x i64>"


def _table(name: str, width: int) -> str:
    """Say which table is walked over, and how many words its rows have."""
    return f"i64 {TABLES.index(name)}, i64 {width}"


TEXT = f"""{GRADIENTS}{REQUESTS}
declare i64 @llvm.vector.reduce.or.v{HALF}i64({WORDS})

define internal i1 @alike(ptr %found, ptr %known) noinline {{
  %mask = getelementptr i64, ptr %known, i64 {SHAPE_WORDS}
  %first = call {WORDS} @apart(ptr %found, ptr %known, ptr %mask, i64 0)
  %last = call {WORDS} @apart(ptr %found, ptr %known, ptr %mask, i64 {SHAPE_WORDS - HALF})
  %differ = or {WORDS} %first, %last
  %some = call i64 @llvm.vector.reduce.or.v{HALF}i64({WORDS} %differ)
  %same = icmp eq i64 %some, 0
  ret i1 %same
}}

define internal {WORDS} @apart(ptr %found, ptr %known, ptr %mask, i64 %start) alwaysinline {{
  %found.at = getelementptr i64, ptr %found, i64 %start
  %known.at = getelementptr i64, ptr %known, i64 %start
  %mask.at = getelementptr i64, ptr %mask, i64 %start
  %found.words = load {WORDS}, ptr %found.at, align 8
  %known.words = load {WORDS}, ptr %known.at, align 8
  %mask.words = load {WORDS}, ptr %mask.at, align 8
  %apart = xor {WORDS} %found.words, %known.words
  %counts = and {WORDS} %apart, %mask.words
  ret {WORDS} %counts
}}

define internal ptr @field(ptr %base, i64 %offset) alwaysinline {{
  %at = getelementptr i8, ptr %base, i64 %offset
  %value = load ptr, ptr %at
  ret ptr %value
}}

define internal i1 @stays(ptr %row, ptr %tables) alwaysinline {{
  %object = call ptr @field(ptr %row, i64 0)
  %impl = call ptr @field(ptr %object, i64 {IMPL})
  %impl.known = call ptr @field(ptr %row, i64 8)
  %impl.same = icmp eq ptr %impl, %impl.known
  br i1 %impl.same, label %memory, label %no
memory:
  %storage = call ptr @field(ptr %impl.known, i64 {STORAGE})
  %data = call ptr @field(ptr %storage, i64 {DATA})
  %data.known = call ptr @field(ptr %row, i64 16)
  %data.same = icmp eq ptr %data, %data.known
  %shape.found = getelementptr i8, ptr %impl.known, i64 {START}
  %shape.known = call ptr @field(ptr %row, i64 {8 * STATE.index("shape")})
  %shape.same = call i1 @alike(ptr %shape.found, ptr %shape.known)
  %same = and i1 %data.same, %shape.same
  ret i1 %same
no:
  ret i1 false
}}

define internal ptr @begin(ptr %row, ptr %grad) alwaysinline {{
  %storage = call ptr @field(ptr %grad, i64 {STORAGE})
  %data = call ptr @field(ptr %storage, i64 {DATA})
  %offset.at = getelementptr i64, ptr %row, i64 {ROW.index("offset")}
  %offset = load i64, ptr %offset.at
  %start = getelementptr i8, ptr %data, i64 %offset
  ret ptr %start
}}

define internal i1 @holds(ptr %row, ptr %tables) alwaysinline {{
  %stays = call i1 @stays(ptr %row, ptr %tables)
  br i1 %stays, label %shape, label %no
shape:
  %none = call ptr @field(ptr %row, i64 {8 * ROW.index("none")})
  %grad = call ptr @local_gradient(ptr %row, ptr %none)
  %grad.is = icmp ne ptr %grad, %none
  br i1 %grad.is, label %gradients, label %no
gradients:
  %grad.found = getelementptr i8, ptr %grad, i64 {START}
  %grad.known = call ptr @field(ptr %row, i64 {8 * ROW.index("grad.shape")})
  %grad.same = call i1 @alike(ptr %grad.found, ptr %grad.known)
  br i1 %grad.same, label %place, label %no
place:
  %start = call ptr @begin(ptr %row, ptr %grad)
  %size.at = getelementptr i64, ptr %row, i64 {ROW.index("size")}
  %size = load i64, ptr %size.at
  %storage = call ptr @field(ptr %grad, i64 {STORAGE})
  %bytes = call ptr @field(ptr %storage, i64 {BYTES})
  %offset.at = getelementptr i64, ptr %row, i64 {ROW.index("offset")}
  %offset = load i64, ptr %offset.at
  %needed = add i64 %offset, %size
  %needed.end = inttoptr i64 %needed to ptr
  %is_there = icmp ule ptr %needed.end, %bytes
  br i1 %is_there, label %room, label %no
room:
  %stop = getelementptr i8, ptr %start, i64 %size
  %free.start = call ptr @field(ptr %row, i64 {8 * ROW.index("free.start")})
  %free.stop = call ptr @field(ptr %row, i64 {8 * ROW.index("free.stop")})
  %after = icmp uge ptr %start, %free.start
  %before = icmp ule ptr %stop, %free.stop
  %apart = and i1 %after, %before
  br i1 %apart, label %yes, label %elsewhere
elsewhere:
  %found = call i1 @finds_room(ptr %row, ptr %tables, ptr %start, ptr %stop)
  ret i1 %found
yes:
  ret i1 true
no:
  ret i1 false
}}

define internal i1 @finds_room(ptr %row, ptr %tables, ptr %start, ptr %stop) noinline {{
entry:
  %written = call ptr @field(ptr %tables, i64 {16 * TABLES.index("written")})
  %count.at = getelementptr i64, ptr %tables, i64 {2 * TABLES.index("written") + 1}
  %count = load i64, ptr %count.at
  br label %halve
halve:
  %low = phi i64 [ 0, %entry ], [ %low.next, %look ]
  %high = phi i64 [ %count, %entry ], [ %high.next, %look ]
  %some = icmp ult i64 %low, %high
  br i1 %some, label %look, label %found
look:
  %sum = add i64 %low, %high
  %middle = lshr i64 %sum, 1
  %middle.end = call ptr @end(ptr %written, i64 %middle)
  %is_behind = icmp ule ptr %middle.end, %start
  %above = add i64 %middle, 1
  %low.next = select i1 %is_behind, i64 %above, i64 %low
  %high.next = select i1 %is_behind, i64 %high, i64 %middle
  br label %halve
found:
  %first = icmp eq i64 %low, 0
  br i1 %first, label %ahead, label %behind
behind:
  %last = sub i64 %low, 1
  %last.end = call ptr @end(ptr %written, i64 %last)
  br label %ahead
ahead:
  %room.start = phi ptr [ null, %found ], [ %last.end, %behind ]
  %is_last = icmp eq i64 %low, %count
  br i1 %is_last, label %room, label %bounded
bounded:
  %next.place = mul i64 %low, 16
  %next.start = call ptr @field(ptr %written, i64 %next.place)
  br label %room
room:
  %room.stop = phi ptr [ inttoptr (i64 -1 to ptr), %ahead ], [ %next.start, %bounded ]
  %start.at = getelementptr i64, ptr %row, i64 {ROW.index("free.start")}
  %stop.at = getelementptr i64, ptr %row, i64 {ROW.index("free.stop")}
  store ptr %room.start, ptr %start.at
  store ptr %room.stop, ptr %stop.at
  %fits = icmp ule ptr %stop, %room.stop
  ret i1 %fits
}}

define internal ptr @end(ptr %written, i64 %index) alwaysinline {{
  %start = mul i64 %index, 16
  %place = add i64 %start, 8
  %end = call ptr @field(ptr %written, i64 %place)
  ret ptr %end
}}

define internal void @count(ptr %impl) alwaysinline {{
  %version = call ptr @field(ptr %impl, i64 {VERSION})
  %count = getelementptr i8, ptr %version, i64 {COUNT}
  %old = atomicrmw add ptr %count, i32 1 monotonic
  ret void
}}

define internal i1 @note(ptr %row, ptr %tables) alwaysinline {{
  %own = call ptr @field(ptr %row, i64 {8 * ROW.index("impl")})
  call void @count(ptr %own)
  %bearer = call ptr @bearer(ptr %row)
  %is_own = icmp eq ptr %bearer, %own
  br i1 %is_own, label %target, label %sharded
sharded:
  call void @count(ptr %bearer)
  br label %target
target:
  %grad = call ptr @local_gradient(ptr %row, ptr null)
  %seen.at = getelementptr i64, ptr %row, i64 {ROW.index("grad.seen")}
  store ptr %grad, ptr %seen.at
  %start = call ptr @begin(ptr %row, ptr %grad)
  %goes.to = call ptr @field(ptr %row, i64 {8 * ROW.index("target")})
  store ptr %start, ptr %goes.to
  ret i1 true
}}

define internal i1 @waits(ptr %row, ptr %tables) alwaysinline {{
  %object = call ptr @field(ptr %row, i64 0)
  %wanted = call ptr @field(ptr %row, i64 8)
  %none = call ptr @field(ptr %row, i64 16)
  %impl = call ptr @field(ptr %object, i64 {IMPL})
  %grad = call ptr @gradient(ptr %impl, ptr %none)
  %is = icmp ne ptr %grad, %none
  %found = zext i1 %is to i64
  %expected = ptrtoint ptr %wanted to i64
  %holds = icmp eq i64 %found, %expected
  ret i1 %holds
}}

define internal i1 @run(ptr %row, ptr %tables) alwaysinline {{
  %step = call ptr @field(ptr %row, i64 0)
  %context = call ptr @field(ptr %row, i64 8)
  call void %step(ptr %context, i32 1)
  ret i1 true
}}

define internal i1 @all(ptr %tables, i64 %table, i64 %width, ptr %does, ptr %requests) alwaysinline {{
entry:
  %place = mul i64 %table, 16
  %rows = call ptr @field(ptr %tables, i64 %place)
  %count.place = add i64 %place, 8
  %count.at = getelementptr i8, ptr %tables, i64 %count.place
  %count = load i64, ptr %count.at
  br label %each
each:
  %i = phi i64 [ 0, %entry ], [ %i.next, %next ]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %one, label %yes
one:
  %start = mul i64 %i, %width
  %row = getelementptr i64, ptr %rows, i64 %start
  %later = add i64 %i, {AHEAD}
  %is_one = icmp slt i64 %later, %count
  %ahead = select i1 %is_one, i64 %later, i64 %i
  %ahead.start = mul i64 %ahead, %width
  %ahead.row = getelementptr i64, ptr %rows, i64 %ahead.start
  call void %requests(ptr %ahead.row)
  %good = call i1 %does(ptr %row, ptr %tables)
  br i1 %good, label %next, label %no
next:
  %i.next = add i64 %i, 1
  br label %each
yes:
  ret i1 true
no:
  ret i1 false
}}

define dso_local i32 @look(ptr %tables, ptr %held) {{
  %params.hold = call i1 @all(ptr %tables, {_table("params", len(ROW))}, ptr @holds, ptr @request_param)
  br i1 %params.hold, label %second, label %no
second:
  %states.hold = call i1 @all(ptr %tables, {_table("states", len(STATE))}, ptr @stays, ptr @request_state)
  br i1 %states.hold, label %third, label %no
third:
  %others.hold = call i1 @all(ptr %tables, {_table("others", 3)}, ptr @waits, ptr @request_nothing)
  br i1 %others.hold, label %fourth, label %no
fourth:
  %grads.hold = call i1 @are_held(ptr %tables, ptr %held)
  br i1 %grads.hold, label %yes, label %no
yes:
  %noted = call i1 @all(ptr %tables, {_table("params", len(ROW))}, ptr @note, ptr @request_nothing)
  %ran = call i1 @all(ptr %tables, {_table("launches", 2)}, ptr @run, ptr @request_nothing)
  ret i32 1
no:
  ret i32 0
}}
"""
