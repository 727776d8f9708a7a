#!/bin/sh
# An agent in twenty lines: GATEWAY_API_KEY=... examples/agent.sh
api="${GATEWAY_URL:-http://127.0.0.1:8000}/api/post-office" auth="Authorization: Bearer ${GATEWAY_API_KEY:?holds the key}"
post() { curl -s --retry 9 --retry-all-errors -H "$auth" "$api/$1" -d "$2"; }  # again as it was, until there is an answer
curl -fsSN -H "$auth" "$api/websocket/subscribe?channel=guide" | while IFS= read -r line; do
  # The envelope begins with fields of the gateway's own, so a client cannot pretend to be another connection.
  ids=$(printf %s "$line" | sed -n 's/^data: *{"message_id":"\([^"]*\)","connection_id":"\(ws_[^"]*\)".*/\1 \2/p')
  [ "$ids" ] || continue
  # The run of a message that asks for one is named after it. To claim it is to find out.
  run=runs/run_$(printf %s "${ids% *}" | tr -d -) me='"producer":"agent.sh-'$$'"' seq=0 status=completed
  claim=$(post "$run/claim" "{$me,\"keep\":0}")
  case $claim in *'"success":true'* | *'"code":"run_not_found"'*) ;; *) continue ;; esac  # another has it, or it is over
  epoch=$(printf %s "$claim" | sed -n 's/.*"success":true.*"epoch":\([0-9]*\).*/\1/p')
  for word in Hello from twenty lines of shell.; do
    if [ -z "$epoch" ]; then
      post websocket/send '{"connection_id":"'"${ids#* }"'","message":{"type":"agent_response","agent_type":"guide","message":"'"$word"' "}}' >/dev/null
      continue
    fi
    # It renews the lease, too: an agent that thinks for longer than that sends heartbeats, as agent.py does.
    append=$(post "$run/append" "{$me,\"epoch\":$epoch,\"seq\":$seq,\"text\":\"$word \"}")
    seq=$((seq + 1))
    case $append in *'"cancel_requested":true'*) status=cancelled; break ;; *'"success":true'*) ;; *) continue 2 ;; esac
  done
  [ -z "$epoch" ] || post "$run/end" "{$me,\"epoch\":$epoch,\"seq\":$seq,\"end\":{\"status\":\"$status\"}}" >/dev/null
done
