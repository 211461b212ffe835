# Services of an environment: read by the shell of each command, before it. What a command started is ended with it, so
# they are started anew, on what the last one left.
(
  root=/opt/env/services state=/tmp/.signoff-services
  mkdir -p $state
  if [ -d $root/postgresql ]; then
    [ -d $state/postgresql ] ||
      { cp -r $root/postgresql $state/part && chmod -R u+w $state/part && chmod 700 $state/part && mv $state/part $state/postgresql; }
    rm -f $state/postgresql/postmaster.pid
    $root/postgresql-bin/pg_ctl -D $state/postgresql -l $state/postgresql.log -w -t 30 -s start >$state/log 2>&1 ||
      { echo "signoff: PostgreSQL did not start"; tail -n 5 $state/log $state/postgresql.log; } >&2
  fi
  if [ -e $root/redis-server ]; then
    rm -f $state/redis.log
    $root/redis-server --port 6379 --bind 127.0.0.1 -::1 --save '' --dir $state --daemonize yes \
      --logfile $state/redis.log --pidfile $state/redis.pid >$state/log 2>&1
    tries=0
    until grep -q 'Ready to accept connections' $state/redis.log 2>/dev/null; do
      tries=$((tries + 1))
      [ $tries -lt 200 ] || { echo "signoff: Redis did not start"; tail -n 5 $state/redis.log; break; } >&2
      sleep 0.02
    done
  fi
) </dev/null
