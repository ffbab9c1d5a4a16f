# A machine to deploy on, below $ROOT: what is the system's own is imitated, and everything else is
# run as it stands on the page.
set -eu
mkdir -p "$ROOT"/etc/nginx/conf.d "$ROOT"/etc/systemd/system "$ROOT"/usr/local/bin "$ROOT"/run "$ROOT"/var/lib "$ROOT"/var/log
export PATH="$ROOT/usr/local/bin:$PATH" RUNTIME_DIRECTORY="$ROOT/run/lucarne"

# There is one user.
useradd() { :; }
chown() { :; }
install() {
  local kept=()
  while [ $# -gt 0 ]; do
    case $1 in -o|-g) shift ;; *) kept+=("$1") ;; esac
    shift
  done
  command install "${kept[@]}"
}

# The role of the test's own, so that it meets no other.
psql() {
  local argument
  for argument in "$@"; do
    if [ -f "$argument" ]; then sed -i "s/lucarne_reader/$ROLE/g" "$argument"; fi
  done
  command psql "$@"
}

nginx() { command nginx -p "$ROOT/etc/nginx" -c "$ROOT/etc/nginx/nginx.conf" "$@"; }
cat > "$ROOT/etc/nginx/nginx.conf" <<END
pid $ROOT/run/nginx.pid;
error_log $ROOT/var/log/nginx.log;
events {}
http {
  access_log off;
  client_body_temp_path $ROOT/run; proxy_temp_path $ROOT/run; fastcgi_temp_path $ROOT/run;
  uwsgi_temp_path $ROOT/run; scgi_temp_path $ROOT/run;
  include $ROOT/etc/nginx/conf.d/*.conf;
}
END

# What the unit says, as systemd does it.
unit() { sed -n "s|^$1=||p" "$ROOT/etc/systemd/system/lucarne.service" | sed "s|/usr/local|$ROOT/usr/local|g; s|/etc/lucarne|$ROOT/etc/lucarne|g"; }
systemctl() {
  case "$*" in
    daemon-reload) ;;
    "enable --now lucarne")
      mkdir -m 0700 -p "$ROOT/run/$(unit RuntimeDirectory)" "$ROOT/var/lib/$(unit StateDirectory)" "$ROOT/var/log/$(unit LogsDirectory)"
      (cd "$(unit WorkingDirectory)" && umask "$(unit UMask)" && exec $(unit ExecStart)) 2> "$ROOT/var/log/journal" &
      SERVICE=$!
      for _ in $(seq 300); do
        if grep -q ' listens on ' "$ROOT/var/log/journal"; then return 0; fi
        kill -0 "$SERVICE" || { cat "$ROOT/var/log/journal"; return 1; }
        sleep 0.1
      done
      return 1 ;;
    "reload lucarne") (cd "$(unit WorkingDirectory)" && $(unit ExecReload)) ;;
    "restart lucarne")
      kill "$SERVICE"; wait "$SERVICE" || true
      systemctl enable --now lucarne ;;
    "reload nginx") nginx ;;
    *) echo "systemctl $*: nothing of the kind is imitated" >&2; return 1 ;;
  esac
}
