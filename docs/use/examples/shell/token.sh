# token.sh: calls to one service with a token of the volume. Needs curl, sed and sha256sum.
# Usage: ORIGIN=https://gateway.example.com; . ./token.sh; call dynamics GET "$ORIGIN/dynamics/incidents" [FILE WITH THE BODY]
# Sets STATUS to the status of the answer, or to 000 if there was none, and writes its body to the file $ANSWER.
: "${ANSWER:=answer.json}" "${REREAD_FOR:=10}"   # REREAD_FOR: seconds to wait for the file, where nobody can be asked
TOKEN='' GENERATION=0 EXPIRES=0 HEADER=Authorization PREFIX='Bearer ' REJECTED='' ACCEPTED='' CURED_NOTHING='' PAUSED_UNTIL=0 WAITS_FOR=none
NL='
'

call() {
  STATUS=000
  case $ORIGIN/ in https://* | http://localhost[:/]* | http://127.0.0.1[:/]*) ;; *) echo "$ORIGIN is not https." >&2; return 1 ;; esac
  case $3 in "$ORIGIN"/*) ;; *) echo "The token $1 may only be sent to $ORIGIN." >&2; return 1 ;; esac
  next_token "$1" '' || return 1
  send "$2" "$3" "${4-}"
  [ "$STATUS" = 401 ] || return 0
  grep -i '^www-authenticate:' "$ANSWER.headers" | grep -qE 'insufficient_scope|invalid_request' && return 0
  next_token "$1" "$TOKEN" || return 0   # the caller gets the first answer
  send "$2" "$3" "${4-}"
  [ "$STATUS" != 401 ] || CURED_NOTHING=$TOKEN   # whatever other calls have accepted
}

# The header comes from standard input, so that no other user sees it in the list of processes. No redirect is followed.
send() {
  printf '%s: %s%s\n' "$HEADER" "$PREFIX" "$TOKEN" |
    curl -sS -X "$1" -H @- ${3:+--data-binary "@$3"} -D "$ANSWER.headers" -o "$ANSWER" -w '%{http_code}' "$2" > "$ANSWER.status" || :
  STATUS=$(cat "$ANSWER.status")
  case $STATUS in 2??) ACCEPTED=$TOKEN ;; esac
}

# Sets TOKEN to a token that may be sent now, other than the rejected one in $2.
next_token() {
  [ -z "$2" ] || REJECTED="$2$NL$REJECTED"
  waited='' ask_at=0
  while :; do
    read_token "$1"
    now=$(date +%s)
    [ "$now" -lt "$EXPIRES" ] && { [ -z "$2" ] || ! is_rejected "$TOKEN"; } && return 0
    [ "$WAITS_FOR" = "$TOKEN" ] || WAITS_FOR=$TOKEN WAITS_UNTIL=$((now + REREAD_FOR))
    if [ -n "$TOKEN" ] && [ -n "${REISSUE_URL-}" ]; then
      pause=$((PAUSED_UNTIL - now))
      if [ "$pause" -gt 0 ]; then
        { [ -n "$waited" ] || [ "$pause" -gt 30 ]; } && return 1
        waited=1
        sleep "$pause"
      fi
      if [ "$(date +%s)" -ge "$ask_at" ]; then
        ask_at=$(($(date +%s) + 1))
        reissue "$1" "$2" && continue
      fi
    fi
    # No API, no answer, or an answer without the token: the file will have it.
    [ "$(date +%s)" -lt "$WAITS_UNTIL" ] || return 1
    sleep 0.1 2>/dev/null || sleep 1
  done
}

# Takes the token of the file, if it is better. A write that is not finished changes nothing.
read_token() {
  text=$(cat "$TOKEN_DIRECTORY/$1.json" 2>/dev/null)
  token=$(field access_token "$text") generation=$(number generation "$text")
  [ -n "$token" ] && [ "$(hash "$token")" = "$(field sha256 "$text")" ] && ! is_rejected "$token" || return 0
  [ -z "$TOKEN" ] || is_rejected "$TOKEN" || [ "$generation" -gt "$GENERATION" ] || return 0
  TOKEN=$token GENERATION=$generation EXPIRES=$(date -u -d "$(field expires_at "$text" | sed 's/T/ /; s/\..*//; s/Z//')" +%s)
  read_header "$text"
}

read_header() {
  HEADER=Authorization PREFIX='Bearer '
  case $1 in *'"header":'*) HEADER=$(field name "$1") PREFIX=$(field prefix "$1") ;; esac
}

is_rejected() { case $NL$REJECTED in *"$NL$1$NL"*) ;; *) return 1 ;; esac; }

# Succeeds if it is known what to do next: use the answer, or pause.
reissue() {
  cause=never_accepted
  [ "$TOKEN" != "$ACCEPTED" ] || [ "$TOKEN" = "$CURED_NOTHING" ] || cause=revoked
  [ -n "$2" ] || cause=expired
  where=$REISSUE_URL/v1/namespaces/$REISSUE_NAMESPACE/secrets/$REISSUE_SECRET/tokens/$1/reissue
  body="{\"rejected_sha256\":\"$(hash "$TOKEN")\",\"error\":\"invalid_token\",\"cause\":\"$cause\"}"
  text=$(printf 'Authorization: Bearer %s\n' "$(cat "$CALLER_TOKEN_FILE")" |
    curl -sS -m 10 -H @- ${CA_FILE:+--cacert "$CA_FILE"} -H 'Content-Type: application/json' -d "$body" -i "$where") || return 1
  now=$(date +%s)
  case ${text%%"$NL"*} in *' 200'*) ;; *)
    seconds=$(printf '%s' "$text" | sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9]\{1,9\}\).*/\1/p')
    [ "${seconds:-0}" -ge 1 ] || seconds=1
    PAUSED_UNTIL=$((now + 1 + (seconds > 600 ? 600 : seconds)))   # its clock has whole seconds
    return 0 ;;
  esac
  token=$(field access_token "$text")
  [ -n "$token" ] && ! is_rejected "$token" || return 1
  # expires_in is right even where the clock of this machine is wrong.
  TOKEN=$token GENERATION=$(number generation "$text") EXPIRES=$((now + $(number expires_in "$text")))
  read_header "$text"
}

field() { printf '%s' "$2" | sed -En 's/.*"'"$1"'": *"(([^"\\]|\\.)*)".*/\1/p' | sed -E 's/\\(.)/\1/g'; }
number() { printf '%s' "$2" | sed -n 's/.*"'"$1"'": *\([0-9][0-9]*\).*/\1/p'; }
hash() { printf %s "$1" | sha256sum | cut -d ' ' -f 1; }
