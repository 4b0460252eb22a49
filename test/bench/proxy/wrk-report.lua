-- The summary of a run in one line of JSON. Times in milliseconds.
function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  print(string.format(
    '{"seconds":%.6f,"requests":%d,"bytes":%d,"failed":%d,"p50":%.3f,"p99":%.3f}',
    summary.duration / 1e6, summary.requests, summary.bytes, failed,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3
  ))
end
