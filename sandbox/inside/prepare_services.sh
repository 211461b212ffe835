# Services of an environment, prepared once: an empty cluster with the role and the database that tests expect.
# Arguments: the environment's folder, the text of the program that starts them, then postgresql:ROLE:DATABASE and redis.
set -eu
root=$1/services debian=$1/debian
mkdir -p "$root"
printf '%s\n' "$2" >"$root/start"
shift 2
for each in "$@"; do
  case $each in
  postgresql:*)
    bin=$(ls -d "$debian"/usr/lib/postgresql/*/bin /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
    [ -x "$bin/initdb" ] || { echo "PostgreSQL could not be had" >&2; exit 1; }
    ln -sfn "$bin" "$root/postgresql-bin"
    role=${each#*:} database=${each##*:}
    role=${role%%:*}
    "$bin/initdb" -D "$root/postgresql" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync --wal-segsize=1 >&2
    # It holds what tests write, for as long as a sandbox lives: nothing of it has to survive a crash.
    cat >>"$root/postgresql/postgresql.conf" <<'END'
listen_addresses = 'localhost'
unix_socket_directories = '/tmp'
dynamic_shared_memory_type = mmap
shared_buffers = 32MB
max_connections = 60
fsync = off
full_page_writes = off
jit = off
min_wal_size = 4MB
max_wal_size = 32MB
END
    chmod 700 "$root/postgresql"
    "$bin/pg_ctl" -D "$root/postgresql" -l /tmp/postgresql.log -w -t 60 -s start >&2
    [ "$role" = postgres ] || "$bin/createuser" -h localhost -U postgres --superuser -- "$role" >&2
    [ "$database" = postgres ] || "$bin/createdb" -h localhost -U postgres -O "$role" -- "$database" >&2
    "$bin/pg_ctl" -D "$root/postgresql" -w -s -m fast stop >&2
    ;;
  redis)
    server=$(command -v redis-server || command -v "$debian/usr/bin/redis-server") ||
      { echo "Redis could not be had" >&2; exit 1; }
    ln -sfn "$server" "$root/redis-server"
    ;;
  esac
done
