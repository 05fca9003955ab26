-- wrk's script: sends each request target of a file once, and prints a summary in JSON.
-- wrk ... -s signed_requests.lua URL -- FILE

local targets, before, after

function init(arguments)
  targets = io.open(arguments[1], "r")
  before = "GET "
  after = " HTTP/1.1\r\nHost: " .. wrk.host .. "\r\nUser-Agent: Mozilla/4.0\r\nAccept: */*\r\n\r\n"
end

function request()
  local target = targets:read("*l")
  if target == nil then
    io.stderr:write("There are no signed requests left.\n")
    os.exit(3)
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
