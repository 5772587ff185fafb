# Of the source files and then of the output of all tests: each test that no step ran, and why. Invariant: a test that is ignored in
# one step and run in another was run; what is left out although this machine could run it ends in failure.

# The sources say why a test is ignored: cargo-nextest does not.
FILENAME ~ /\.rs$/ {
  if (match($0, /ignore = "[^"]*"/)) reason_above = substr($0, RSTART + 10, RLENGTH - 11)
  if (reason_above != "" && match($0, /^ *(async )?fn [a-z0-9_]+/)) {
    name = $0
    sub(/^ *(async )?fn /, "", name)
    sub(/[^a-z0-9_].*/, "", name)
    reason_of[name] = reason_above
    reason_above = ""
  }
  next
}

# A line of cargo-nextest: `PASS [ 0.1s] (1/9) package::binary module::test`.
/^ +[A-Z][A-Z-]* \[/ {
  if ($1 != "SKIP") {
    ran[$NF] = 1
    next
  }
  name = $NF
  sub(/.*::/, "", name)
  ignored[$NF] = reason_of[name]
  next
}

# A line of the standard harness.
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
