# A service with a store, a tenant with the sample, and two tokens: one stays, one is revoked after
# the backup. Who is asked answers: yes, or the URL.
set -eu
mkdir -p "$ROOT/backups/lucarne"
settings() {
  cat > .env <<END
MCP_ENABLED=true
MCP_LISTEN=127.0.0.1:0
MCP_STORE=sqlite:store.db
MCP_ENCRYPTION_KEY=$1
MCP_AUDIT_FILE=audit.jsonl
END
}
lucarne() {
  case "$*" in
    "store restore"*) "$LUCARNE" "$@" --yes ;;
    "database update"*) echo "sqlite:$ROOT/shop.db" | "$LUCARNE" "$@" ;;
    *) "$LUCARNE" "$@" ;;
  esac
}
begin() {
  "$LUCARNE" serve 2> log &
  SERVICE=$!
  trap 'kill $SERVICE' EXIT
  for _ in $(seq 300); do
    ADDRESS=$(sed -n 's|.* listens on http://||p' log)
    if [ -n "$ADDRESS" ]; then return 0; fi
    sleep 0.1
  done
  cat log; return 1
}
# Asks until the answer holds the words: what is changed is heard within seconds.
answers() {
  for _ in $(seq 100); do
    if MCP_TOKEN=$1 "$LUCARNE" query --url "http://$ADDRESS" list users 2>&1 | grep -q "$2"; then return 0; fi
    sleep 0.2
  done
  echo "never answered: $2"; MCP_TOKEN=$1 "$LUCARNE" query --url "http://$ADDRESS" list users; return 1
}
revoke() { lucarne token revoke leaked --yes; answers "$LEAKED" 'refused the token'; }
sees_revoked() {
  lucarne token show leaked | grep -q revoked
  answers "$KEPT" '27'
  answers "$LEAKED" 'refused the token'
}
lose_key() {
  kill "$SERVICE"; wait "$SERVICE" || true
  settings "$1"
  # Everything that needs no key goes on without one.
  lucarne tenant list; lucarne token list
}
sees_rows() { begin; answers "$KEPT" '27'; }
settings "$(openssl rand -base64 32)"
lucarne tenant create acme
lucarne database add shop "sqlite:$ROOT/shop.db" --tenant acme --models users
KEPT=$(lucarne token create kept --tenant acme)
LEAKED=$(lucarne token create leaked --tenant acme)
begin
answers "$LEAKED" '27'
