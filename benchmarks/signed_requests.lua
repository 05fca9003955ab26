-- wrk's script: sends each request target of a file once, and prints a summary in JSON.
-- wrk ... -s signed_requests.lua URL -- FILE [BODY]
-- With BODY, it sends POSTs. Each has the number in its nonce in place of the body's {id}.

local targets, before, after, body_before, body_after

function init(arguments)
  targets = io.open(arguments[1], "r")
  before = "GET "
  after = " HTTP/1.1\r\nHost: " .. wrk.host .. "\r\nUser-Agent: Mozilla/4.0\r\nAccept: */*\r\n"
  if arguments[2] then
    before = "POST "
    body_before, body_after = arguments[2]:match("^(.*){id}(.*)$")
    local size = #body_before + 10 + #body_after
    after = after .. "Content-Type: text/xml\r\nContent-Length: " .. size .. "\r\n"
  end
  after = after .. "\r\n"
end

function request()
  local target = targets:read("*l")
  if target == nil then
    io.stderr:write("There are no signed requests left.\n")
    os.exit(3)
  end
  if body_before then
    return before .. target .. after .. body_before .. target:match("nonce=(%d+)") .. body_after
  end
  return before .. target .. after
end

function done(summary, latency)
  local errors = summary.errors
  io.stderr:write(string.format(
    '{"answered": %d, "microseconds": %d, "p50": %d, "p99": %d, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout
  ))
end
