# Of the output of all tests: each test that no step ran, and why. Invariant: a test that is ignored in one step and run in another
# was run; what is left out although this machine could run it ends in failure.
/^test .* \.\.\. / {
  name = $0
  sub(/^test /, "", name)
  sub(/ \.\.\. .*/, "", name)
  if (!($0 ~ / \.\.\. ignored/)) {
    ran[name] = 1
    next
  }
  reason = $0
  sub(/^.* \.\.\. ignored,? ?/, "", reason)
  ignored[name] = reason
}
/^cannot run: / { cannot[substr($0, 13)] = 1 }
END {
  for (name in ignored) {
    if (name in ran) continue
    could = !(ignored[name] in cannot)
    n_could += could
    print "left out" (could ? ", though it could run here" : "") ": " name " (" ignored[name] ")"
  }
  exit n_could > 0
}
