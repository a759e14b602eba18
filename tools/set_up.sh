# shellcheck shell=bash
# Sourced by submit.sh: what it sets up on first use, .venv with Python packages, Delta Lake and WordNet, and an archive
# of Java's classes. lock and step_pid say what its clean_up has to end.

# What is fetched beside the Python packages, through Spark's own resolver.
DELTA=io.delta:delta-spark_4.2_2.13:4.4.0
WORDNET=net.sf.extjwnl:extjwnl-data-wn30:1.2 # WordNet 3.0, whose offsets are ImageNet's ids

# Java would tell of an archive that it cannot use, on stdout.
quiet_archive="-Xlog:cds=off -Xlog:cds+dynamic=off"

set_up() {
  if is_current .ready; then return; fi
  find_python
  find_java
  take_lock
  # Another first use may have made it while this one waited.
  if ! is_current .ready; then make_venv; fi
  release_lock
}

set_up_extra() { # EXTRA WHAT: packages that few need, installed when they are asked for
  local stamp
  if is_current ".ready-$1"; then return; fi
  take_lock
  stamp=$(stamp_of_sources)
  say "setting up ($2 …"
  step "$venv/bin/python" -m pip install -q -e "${root}[$1]" -c "$root/constraints.txt"
  printf '%s\n' "$stamp" >"$venv/.ready-$1"
  release_lock
}

stamp_of_sources() { # what .venv is made from; a folder that moved needs a new one too
  printf '%s %s %s %s %s\n' "$(cat "$root"/{setup.py,pyproject.toml,constraints.txt,methods/near.c,udfs/resample.c} | cksum)" \
    "$DELTA" "$WORDNET" "$root" "$(chosen_python)"
}

chosen_python() { # the one that is asked for, else the one that .venv was made with, which an update keeps
  if [ -n "${PYTHON:-}" ]; then command -v "$PYTHON" || true; else cat "$venv/.python" 2>/dev/null || true; fi
}

is_current() { # NAME: was .venv completed from these very sources, and is its Python still there?
  [ -x "$venv/bin/python" ] && [ "$(cat "$venv/$1" 2>/dev/null)" = "$(stamp_of_sources)" ]
}

make_venv() { # from nothing: a half-made one is not worth repairing, since pip's cache makes this quick
  local coordinates=$DELTA stamp
  [ -n "${SYNLAKE_WORDNET:-}" ] || coordinates=$DELTA,$WORDNET
  rm -rf "$venv" "$root"/{methods,udfs}/_*.so # one of older sources would stay where it cannot be compiled again
  mkdir -p "$venv"
  command -v "$python" >"$venv/.python"
  stamp=$(stamp_of_sources) # before pip reads them: they may change meanwhile
  say "setting up (first use): 1/3 $("$python" --version) in $venv …"
  step "$python" -m venv "$venv"
  say "setting up (first use): 2/3 Python packages; a few minutes …"
  step "$venv/bin/python" -m pip install -q -e "$root" -c "$root/constraints.txt"
  mkdir -p "$share" # with one name for pyspark's folder, whatever the version of Python
  ln -s "$("$venv/bin/python" -c 'import pyspark; print(*pyspark.__path__)')" "$share/spark"
  say "setting up (first use): 3/3 Delta Lake and WordNet 3.0 …"
  fetch "$coordinates"
  printf '%s\n' "$stamp" >"$venv/.ready" # last: says that all of the above is complete
}

fetch() { # COORDINATES; Spark downloads into a folder of its own, and tools/fetch.py keeps what is needed
  local ivy=$venv/ivy
  step env "SPARK_HOME=$share/spark" "SPARK_CONF_DIR=$root/conf" SPARK_LOCAL_IP=127.0.0.1 \
    "PYSPARK_PYTHON=$venv/bin/python" "PYSPARK_DRIVER_PYTHON=$venv/bin/python" \
    "$share/spark/bin/spark-submit" --packages "$1" --conf "spark.jars.ivy=$ivy" \
    "$root/tools/fetch.py" "$ivy/jars" "$share/spark/jars" "$share"
  rm -rf "$ivy"
}

# Java can map a prepared archive of Spark's classes instead of loading them one by one: a quarter of what a short
# command takes. It is made at the first start of each Java, which ignores one that is not its own.
use_archived_classes() { # adds to the exported SPARK_SUBMIT_OPTS
  local archive=$share/classes-$java_id.jsa
  [ -f "$archive" ] || archive_classes "$archive"
  if [ -s "$archive" ]; then
    export SPARK_SUBMIT_OPTS="$java_options -XX:SharedArchiveFile=$(quoted "$archive") $quiet_archive"
  fi
}

archive_classes() { # ARCHIVE: makes it; an empty one where this Java cannot
  if ! { [ -w "$root" ] && [ -w "$share" ]; }; then return 0; fi
  take_lock
  if [ ! -f "$1" ]; then # another first use may have made it
    say "setting up (first use of this Java): its archive of Spark's classes; a minute …"
    mkdir -p "$no_conf"
    # By a name that no run takes: Java ends without mercy at an archive that is not complete.
    SPARK_SUBMIT_OPTS="$java_options -XX:ArchiveClassesAtExit=$(quoted "$1.part") $quiet_archive" \
      logged "${words[0]}" --properties-file "$root/conf/spark-defaults.conf" --master 'local[2]' \
      --jars "$share/jars/*.jar" "$root/tools/archive_classes.py" || rm -f "$1.part"
    [ -s "$1.part" ] || say "submit.sh: note: there is none, so commands start some seconds later; why: $venv/setup.log"
    [ -f "$1.part" ] || : >"$1.part"
    mv -f "$1.part" "$1"
  fi
  release_lock
}

step() { # COMMAND…, with its words in a log, whose end is shown if it fails
  logged "$@" || set_up_failed "$venv/setup.log"
}

logged() { # COMMAND…; returns its exit code
  local code=0
  "$@" >>"$venv/setup.log" 2>&1 &
  step_pid=$!
  printf '%s\n' "$step_pid" >"$lock/step" # it may outlive a killed submit.sh; the lock holds as long
  wait "$step_pid" || code=$?
  step_pid=""
  return "$code"
}

set_up_failed() { # LOG
  local what="the set-up failed"
  if grep -qE 'NewConnectionError|ConnectTimeout|getaddrinfo|Host .* not found' "$1"; then
    what="no network, which the set-up needs this once"
  fi
  tail -n 12 "$1" | cut -c 1-200 | sed 's/^/  | /' >&2
  fail 4 "$what; the log above is the end of $1" \
    "next: check the connection, then run the same command again"
}

# --- one set-up at a time ---------------------------------------------------------------------------

take_lock() {
  local is_said=""
  until mkdir "$root/.venv.lock" 2>/dev/null; do
    [ -w "$root" ] || fail 4 "$root cannot be written to: the set-up makes .venv there"
    if is_lock_alive; then
      [ -n "$is_said" ] || say "waiting for another set-up of $venv"
      is_said=yes
      sleep 1
    else # left by a set-up that was killed; whoever renames it first takes over
      mv "$root/.venv.lock" "$root/.venv.lock.$$" 2>/dev/null && rm -rf "$root/.venv.lock.$$"
    fi
  done
  lock=$root/.venv.lock
  printf '%s\n' $$ >"$lock/pid"
}

is_lock_alive() {
  local pid attempt
  for attempt in 1 2 3; do # between mkdir and the pid there is a moment
    # shellcheck disable=SC2013 # one word a file
    for pid in $(cat "$root"/.venv.lock/{pid,step} 2>/dev/null); do
      kill -0 "$pid" 2>/dev/null && return 0
    done
    [ -s "$root/.venv.lock/pid" ] && return 1
    sleep "$attempt"
  done
  return 1
}

release_lock() {
  rm -rf "$lock"
  lock=""
}

# --- what must be on the machine --------------------------------------------------------------------

find_python() { # sets python; python3 first, since that is what a cluster's nodes are asked for too
  local candidate
  for candidate in "$(chosen_python)" python3 python3.13 python3.12 python3.11 python3.10; do
    if is_python_usable "$candidate"; then
      python=$candidate
      return
    fi
    [ -z "${PYTHON:-}" ] || break # asked for by name: no other will do
  done
  fail 4 "no usable Python: wanted 3.10 to 3.13 with venv; found ${PYTHON:-python3}: $(version_of_python "${PYTHON:-python3}")" \
    "Debian, Ubuntu:  sudo apt-get install python3 python3-venv" \
    "Fedora:          sudo dnf install python3.13" \
    "macOS:           brew install python@3.13" \
    "or name one:     PYTHON=/path/to/python3.12 ./submit.sh …"
}

is_python_usable() {
  "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' >/dev/null 2>&1
}

version_of_python() {
  "$1" -c 'import sys; print("version %d.%d" % sys.version_info[:2])' 2>/dev/null || echo none
}

find_java() { # as spark-submit does: JAVA_HOME, else the PATH; sets java_id, which is another for each build of it
  local java=java from="on the PATH" said version
  if [ -n "${JAVA_HOME:-}" ]; then java=$JAVA_HOME/bin/java from="JAVA_HOME=$JAVA_HOME"; fi
  said=$("$java" -version 2>&1 | grep -v '^Picked up ') || true # JAVA_TOOL_OPTIONS, which do not make it another
  version=$(printf '%s\n' "$said" | sed -n 's/^.* version "\([0-9]*\).*/\1/p' | head -n 1)
  java_id=$version-$(printf '%s\n' "$said" | cksum | cut -d ' ' -f 1)
  case $version in
    17 | 21) return ;;
  esac
  fail 4 "no usable Java: wanted 17 or 21; found ${version:-none} ($from)" \
    "Debian, Ubuntu:  sudo apt-get install openjdk-21-jre-headless   (Debian 12: openjdk-17-jre-headless)" \
    "Fedora:          sudo dnf install java-21-openjdk-headless" \
    "macOS:           brew install openjdk@21 && export JAVA_HOME=\$(brew --prefix openjdk@21)" \
    "or name one:     JAVA_HOME=/path/to/jdk-21 ./submit.sh …"
}
