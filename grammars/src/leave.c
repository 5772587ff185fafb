/* Leaves a call of tree-sitter from inside of its allocator, which tree-sitter itself has no means for.
   Invariant: between `fimble_run` and `fimble_leave` there are only frames of C, and of Rust functions without destructors. */

#include <setjmp.h>

#ifdef _WIN32
#define SAVE(place) setjmp(place)
#else
/* Without the signal mask, whose saving is a system call on some systems. */
#define SAVE(place) _setjmp(place)
#endif

/* Calls `run(context)`. Returns 0 if it returned, 1 if it was left. `*place` names the innermost call meanwhile. */
int fimble_run(void (*run)(void *), void *context, void **place) {
  jmp_buf here;
  void *outer = *place;
  *place = &here;
  int was_left = SAVE(here) != 0;
  if (!was_left) run(context);
  *place = outer;
  return was_left;
}

/* Ends the call of `fimble_run` that `place` names. Does not return. */
void fimble_leave(void *place) {
#ifdef _WIN32
  /* No frame: the frames in between are dropped, not unwound. */
  ((_JUMP_BUFFER *)place)->Frame = 0;
  longjmp(*(jmp_buf *)place, 1);
#else
  _longjmp(*(jmp_buf *)place, 1);
#endif
}
