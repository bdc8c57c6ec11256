{{/*
The program that each upstream of the sidecar runs for its requests and answers. Envoy reads it from an environment variable, so
that several upstreams share one text. It is called with the settings of one upstream, and returns two functions. Envoy runs it
in one thread, and each upstream has its own state.
*/}}
{{- define "token-acquirer-client.sidecar.lua" -}}
local settings = ...
local SPACE = "token-acquirer"
-- Headers of an answer on its way to Envoy's router, which retries and logs by them. The application never sees them.
local RETRY, TOKEN, SHA256 = "x-token-acquirer-retry", "x-token-acquirer-token", "x-token-acquirer-sha256"
local CHALLENGE = "x-token-acquirer-challenge"
-- How many seconds after the first rejection of a token a request may wait for another one.
local WAIT_FOR_FILE, WAIT_FOR_GATEWAY = 10, 2
-- The length of a traceparent (W3C Trace Context). Any other text is not passed on.
local TRACEPARENT_LENGTH = 55
-- Of the route's retry policy.
local RETRIES = {{ include "token-acquirer-client.sidecar.retries" . }}
-- Errors that another token does not cure (RFC 6750 section 3.1).
local NOT_THE_TOKEN = { invalid_request = true, insufficient_scope = true }

-- What is known of each header value that was sent: when it was accepted or rejected. The last ones are kept.
local KEPT = 8
local records, by_id, in_order, last_id = {}, {}, {}, 0
-- The record of the file's token, and the one whose token replaces it while it is rejected.
local injected, held
-- The record that the last request sent, and the time before which no reissue is asked for.
local latest, ask_after = nil, 0

-- To keep a value for a request costs more than all else here. So it is done only for half a minute after a rejection or
-- another token. A request without a value was sent with the record of the quiet time before. One that is under way for
-- longer than that may be taken for one with the current token: at worst, one more reissue.
local SETTLED = 30
local unsettled_at, steady = 0, nil

local function is_settled(now) return now >= unsettled_at + SETTLED end

local function unsettle(now)
  if is_settled(now) then steady = latest end
  unsettled_at = now
end

local function forget_one()
  for at, record in ipairs(in_order) do
    if record ~= injected and record ~= held and record ~= steady then
      table.remove(in_order, at)
      records[record.value], by_id[record.id] = nil, nil
      return
    end
  end
end

local function record_of(value)
  local record = records[value]
  if record ~= nil then return record end
  if #in_order >= KEPT then forget_one() end
  last_id = last_id + 1
  record = { id = last_id, value = value }
  records[value], by_id[last_id] = record, record
  in_order[#in_order + 1] = record
  return record
end

local function content_of(file)
  local opened = io.open(file, "rb")
  if opened == nil then return nil end
  local text = opened:read("*a")
  opened:close()
  return (text:gsub("[\r\n]+$", ""))
end

{{ include "token-acquirer-client.sidecar.lua.sha256" . }}

-- The errors that a challenge names. Text in quotes is taken first, so that a description is never read as an error.
local function errors_in(challenge)
  -- The time of the expressions below grows with the square of the length, and all requests share one thread.
  challenge = challenge:sub(1, 2048)
  local errors = {}
  local function take(name, text)
    if name:lower() == "error" then errors[#errors + 1] = text:lower() end
    return ""
  end
  local rest = challenge:gsub('([%w_-]+)%s*=%s*"([^"]*)"', take)
  rest:gsub("([%w_-]+)%s*=%s*([^%s,]+)", take)
  return errors
end

-- The rule of the client library: a 401 is about the token, unless its challenge names only errors of another kind.
-- A gateway answers a gRPC call with the status 16, UNAUTHENTICATED.
local function blames_token(status, headers)
  if status ~= "401" then return headers:get("grpc-status") == "16" end
  local errors = errors_in(headers:get("www-authenticate") or "")
  for _, name in ipairs(errors) do
    if not NOT_THE_TOKEN[name] then return true end
  end
  return #errors == 0
end

-- Keeps a value for all attempts of a request.
local function remember(handle, key, value)
  handle:streamInfo():dynamicMetadata():set(SPACE, key, value)
end

local function sent_with(handle, now)
  local metadata = handle:streamInfo():dynamicMetadata():get(SPACE)
  if metadata ~= nil and metadata.sent ~= nil then return by_id[metadata.sent] end
  return is_settled(now) and latest or steady
end

-- A JSON string may hide a quote or a backslash of a token. Other escapes are in no token that token-acquirer passes on.
local function token_in(body)
  local from = select(2, body:find('"access_token"%s*:%s*"'))
  if from == nil then return nil end
  local to = from
  repeat
    to = body:find('["\\]', to + 1)
    if to == nil then return nil end
    local escaped = body:byte(to) == 92
    if escaped then to = to + 1 end
  until not escaped
  return (body:sub(from + 1, to - 1):gsub('\\(["\\/])', "%1"))
end

-- Asks token-acquirer for another token. Returns whether the request may wait for the file. `request` is what is kept for it.
local function reissue(handle, record, now, request)
  -- Its answer held no token: the file follows.
  if record.asked_until ~= nil and now < record.asked_until then return true end
  if request.asked or now < ask_after then return false end
  local caller = content_of(settings.caller_token_file)
  if caller == nil then return false end
  local cause = record.accepted and not record.cured_nothing and "revoked" or "never_accepted"
  local answer, body = handle:httpCall("token-acquirer", {
    [":method"] = "POST",
    [":path"] = settings.reissue_path,
    [":authority"] = settings.reissue_authority,
    ["content-type"] = "application/json",
    ["authorization"] = "Bearer " .. caller,
    ["traceparent"] = request.traceparent,
  }, '{"rejected_sha256":"' .. record.sha256 .. '","error":"invalid_token","cause":"' .. cause .. '"}', 15000)
  now = os.time()
  if answer[":status"] ~= "200" then
    ask_after = now + math.min(math.max(tonumber(answer["retry-after"]) or 1, 1), 300)
    return false
  end
  remember(handle, "asked", true)
  local token = token_in(body or "")
  if token == nil then
    record.asked_until = now + 5
    return true
  end
  held = record_of(settings.prefix .. token)
  held.until_time = now + (tonumber(body:match('"expires_in"%s*:%s*(%d+)')) or 300)
  return false
end

-- Returns whether there is a token that was not rejected, which the retry will carry.
local function has_other(record)
  if held ~= nil and held ~= record and held.rejected_at == nil then return true end
  local token = content_of(settings.token_file)
  if token == nil or token == "" then return false end
  local found = record_of(settings.prefix .. token)
  if found == record or found.rejected_at ~= nil then return false end
  -- Envoy watches the same file, and may see its change a moment later.
  held, found.until_time = found, os.time() + WAIT_FOR_FILE
  return true
end

local function reject(record, now)
  if record.wait_from == nil then record.wait_from = now end
  if record.rejected_at == nil then record.rejected_at = now end
end

-- Returns whether to retry the request. A service may reject one kind of request whatever its token is. So a token that came in
-- place of another one, and did not help, is not replaced for the same request again. Until another token comes, its rejections
-- are reported as of one that was never accepted, and open no further time to wait, even where the service accepts other requests.
local function retries(handle, record, now)
  local request = handle:streamInfo():dynamicMetadata():get(SPACE) or {}
  local first, attempts, has_asked = request.first or record.id, (request.attempts or 0) + 1, request.asked
  remember(handle, "first", first)
  remember(handle, "attempts", attempts)
  local is_replacement = first ~= record.id
  if is_replacement or attempts > RETRIES then record.cured_nothing = true end
  reject(record, now)
  local may_change = not (is_replacement and has_asked)
  if may_change and has_other(record) then return true end
  local wait = WAIT_FOR_FILE
  if settings.reissue_path ~= nil and not reissue(handle, record, now, request) then wait = WAIT_FOR_GATEWAY end
  -- In the meantime, a late answer may have accepted it.
  reject(record, now)
  if may_change and has_other(record) then return true end
  -- Time does not help either where the gateway accepted the token for other requests, or where the one before did not help.
  local replaced = is_replacement and by_id[first]
  if is_replacement and (record.accepted or replaced ~= nil and replaced.cured_nothing) then return false end
  return os.time() - record.wait_from < wait
end

-- Bounds what of the challenge is logged. A gateway may quote the token.
local function show_challenge(headers, record)
  local challenge = headers:get("www-authenticate") or ""
  local at = challenge:find(record.value:sub(#settings.prefix + 1), 1, true) or 201
  headers:replace(CHALLENGE, challenge:sub(1, math.min(at - 1, 200)))
end

local function on_request(handle)
  local headers = handle:headers()
  local value = headers:get(settings.header)
  -- An answer comes without the headers of its request.
  local traceparent = settings.traces and headers:get("traceparent")
  if traceparent and #traceparent == TRACEPARENT_LENGTH then remember(handle, "traceparent", traceparent) end
  if value == nil then return remember(handle, "sent", 0) end
  local record, now = records[value] or record_of(value), os.time()
  injected = record
  if held ~= nil then
    if record.rejected_at == nil or now > held.until_time then
      held = nil
    elseif record ~= held then
      record = held
      headers:replace(settings.header, held.value)
    end
  end
  if record ~= latest then unsettle(now) end
  latest = record
  if not is_settled(now) then remember(handle, "sent", record.id) end
end

local function accept(record)
  record.accepted = true
  -- Where another token is in use, this is the late answer to a request from before the rejection.
  if record.rejected_at == nil or held ~= nil and held ~= record then return end
  record.rejected_at = nil
  if not record.cured_nothing then record.wait_from = nil end
end

local function on_response(handle)
  local headers, now = handle:headers(), os.time()
  -- A service must not order retries of its own.
  headers:remove(RETRY)
  local status = headers:get(":status")
  local is_blamed = blames_token(status, headers)
  local is_known = latest ~= nil and latest.accepted and latest.rejected_at == nil
  if is_known and status ~= "401" and not is_blamed and is_settled(now) then return end
  local record = sent_with(handle, now)
  if status == "401" then
    if record ~= nil then show_challenge(headers, record) else headers:remove(CHALLENGE) end
  end
  if record == nil then return end
  if not is_blamed then
    if status ~= "401" and status < "500" then accept(record) end
    return
  end
  unsettle(now)
  if record.sha256 == nil then record.sha256 = sha256(record.value:sub(#settings.prefix + 1)) end
  headers:replace(TOKEN, settings.token)
  headers:replace(SHA256, record.sha256:sub(1, 8))
  -- The headers anew: a call ends the life of the object.
  if retries(handle, record, now) then handle:headers():replace(RETRY, "true") end
end

return on_request, on_response
{{- end -}}

{{/* SHA-256 (FIPS 180-4), which the Lua of Envoy lacks. Only rejected tokens are hashed, once each. */}}
{{- define "token-acquirer-client.sidecar.lua.sha256" -}}
-- SHA-256 (FIPS 180-4). Its constants are the first 32 bits of the fractional parts of roots of the first primes.
local band, bxor, bnot, ror, rshift = bit.band, bit.bxor, bit.bnot, bit.ror, bit.rshift
local K, INITIAL = {}, {}
do
  local function fraction(root) return bit.tobit(math.floor((root - math.floor(root)) * 4294967296)) end
  local candidate = 2
  while #K < 64 do
    local is_prime = true
    for divisor = 2, math.floor(math.sqrt(candidate)) do
      if candidate % divisor == 0 then is_prime = false end
    end
    if is_prime then
      if #INITIAL < 8 then INITIAL[#INITIAL + 1] = fraction(math.sqrt(candidate)) end
      K[#K + 1] = fraction(candidate ^ (1 / 3))
    end
    candidate = candidate + 1
  end
end

local function sha256(text)
  local zeros = (55 - #text) % 64
  local size = #text * 8
  text = text .. "\128" .. ("\0"):rep(zeros + 4)
    .. string.char(rshift(size, 24), band(rshift(size, 16), 255), band(rshift(size, 8), 255), band(size, 255))
  local state, w = { unpack(INITIAL) }, {}
  for start = 1, #text, 64 do
    for i = 1, 16 do
      local one, two, three, four = text:byte(start + i * 4 - 4, start + i * 4 - 1)
      w[i] = bit.bor(bit.lshift(one, 24), bit.lshift(two, 16), bit.lshift(three, 8), four)
    end
    for i = 17, 64 do
      local x, y = w[i - 15], w[i - 2]
      local s0 = bxor(ror(x, 7), ror(x, 18), rshift(x, 3))
      local s1 = bxor(ror(y, 17), ror(y, 19), rshift(y, 10))
      w[i] = bit.tobit(w[i - 16] + s0 + w[i - 7] + s1)
    end
    local a, b, c, d, e, f, g, h = unpack(state)
    for i = 1, 64 do
      local s1 = bxor(ror(e, 6), ror(e, 11), ror(e, 25))
      local t1 = h + s1 + bxor(band(e, f), band(bnot(e), g)) + K[i] + w[i]
      local s0 = bxor(ror(a, 2), ror(a, 13), ror(a, 22))
      local t2 = s0 + bxor(band(a, b), band(a, c), band(b, c))
      h, g, f, e, d, c, b, a = g, f, e, bit.tobit(d + t1), c, b, a, bit.tobit(t1 + t2)
    end
    for i, word in ipairs({ a, b, c, d, e, f, g, h }) do state[i] = bit.tobit(state[i] + word) end
  end
  local digits = {}
  for i, word in ipairs(state) do digits[i] = bit.tohex(word) end
  return table.concat(digits)
end
{{- end -}}
