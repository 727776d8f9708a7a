#!/usr/bin/env bash
# Stands in for journalctl, systemctl, docker and kubectl when the runbook's commands are run: linked under those names.
# It knows what docs/RUNBOOK.md calls and nothing else, so that a command that was changed there is noticed.
case "${0##*/} $*" in
  "journalctl -u websocket-gateway -o cat --no-pager" | "kubectl logs websocket-gateway-0" | "kubectl logs --previous websocket-gateway-0") cat "$LOG" ;;
  "docker logs websocket-gateway-gateway-1-1") cat "$LOG" >&2 ;; # as the gateway writes it

  "systemctl show websocket-gateway -p ActiveState,SubState,NRestarts,ExecMainStatus")
    printf '%s\n' ActiveState=active SubState=running NRestarts=0 ExecMainStatus=0
    ;;
  "docker inspect -f {{.State.Status}} restarts={{.RestartCount}} exit={{.State.ExitCode}} websocket-gateway-gateway-1-1")
    echo running restarts=0 exit=0
    ;;
  "kubectl get pod websocket-gateway-0")
    printf 'NAME                  READY   STATUS    RESTARTS   AGE\nwebsocket-gateway-0   1/1     Running   0          3h\n'
    ;;

  "systemctl restart websocket-gateway") ;;
  "kubectl port-forward websocket-gateway-0 8000:8000") echo "Forwarding from 127.0.0.1:8000 -> 8000" ;;
  "docker restart websocket-gateway-gateway-1-1") echo websocket-gateway-gateway-1-1 ;;
  "kubectl delete pod websocket-gateway-0") echo 'pod "websocket-gateway-0" deleted' ;;

  "docker exec websocket-gateway-redis-1 redis-cli "*) exec redis-cli -u "$GATEWAY_REDIS_URL" --no-auth-warning "${@:4}" ;;
  "kubectl exec redis-0 -- redis-cli "*) exec redis-cli -u "$GATEWAY_REDIS_URL" --no-auth-warning "${@:5}" ;;

  *)
    echo "not in the runbook: ${0##*/} $*" >&2
    exit 64
    ;;
esac
