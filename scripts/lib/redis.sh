# A Redis for the time of a script. Sourced after common.sh and packages.sh, never run.

# Puts a redis-server on the PATH. Debian's package of that name would start a service on 6379 and enable it;
# the program itself is in redis-tools, under another name: it is whatever it is called.
ensure_redis_server() {
  command -v redis-server >/dev/null && return
  ensure_packages "${redis_packages[@]}"
  local program
  program=$(command -v redis-check-rdb) || die "no redis-server on the PATH: install Redis 7"
  mkdir -p "$root/build/tools"
  ln -sfn "$program" "$root/build/tools/redis-server"
  PATH=$root/build/tools:$PATH
}

# redis_says PORT COMMAND LINE : whether what listens there on loopback answers with this line.
redis_says() {
  local line
  {
    printf '%s\r\n' "$2" >&4
    while IFS= read -r -t 1 line <&4; do [[ ${line%$'\r'} == "$3" ]] && return; done
  } 2>/dev/null 4<>"/dev/tcp/127.0.0.1/$1"
  return 1
}

# start_redis DIRECTORY : sets redis_pid and redis_url. It keeps nothing: its data end with it.
start_redis() {
  local port tries
  for ((tries = 0; tries < 20; ++tries)); do
    port=$((20000 + RANDOM % 12000))
    setsid redis-server --bind 127.0.0.1 --port "$port" --dir "$1" --save '' --appendonly no --daemonize no \
      </dev/null >"$1/redis.log" 2>&1 3>&- &
    redis_pid=$!
    # One that finds its port taken ends; until then another server may answer there.
    while kill -0 "$redis_pid" 2>/dev/null; do
      if redis_says "$port" 'INFO server' "process_id:$redis_pid"; then
        redis_url=redis://127.0.0.1:$port
        return
      fi
      sleep 0.05
    done
    wait "$redis_pid" || true
  done
  redis_pid=''
  tail -n 5 "$1/redis.log" >&2
  die "redis-server did not start; its last words are above"
}
