# Makes a call for each line of standard input, which names its number, method, URL and file of the body.
. "$TOKEN_SH"
while IFS='	' read -r number method url body; do
  [ "$body" = - ] && body=''
  call dynamics "$method" "$url" "$body" || STATUS='error no token'
  printf '%s\t%s\n' "$number" "$STATUS"
done
