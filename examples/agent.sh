#!/bin/sh
# An agent in ten lines: GATEWAY_API_KEY=... examples/agent.sh
api="${GATEWAY_URL:-http://127.0.0.1:8000}/api/post-office/websocket" auth="Authorization: Bearer $GATEWAY_API_KEY"
curl -sN -H "$auth" "$api/subscribe?channel=guide" | while IFS= read -r line; do
  # The envelope begins with fields of the gateway's own, so a client cannot pretend to be another connection.
  to=$(printf %s "$line" | sed -n 's/^data: *{"message_id":"[^"]*","connection_id":"\(ws_[^"]*\)".*/\1/p')
  for word in ${to:+Hello from ten lines of shell.}; do
    curl -s -o /dev/null -H "$auth" "$api/send" -d '{"connection_id":"'"$to"'","message":{"type":"agent_response","agent_type":"guide","message":"'"$word"' "}}'
  done
done
