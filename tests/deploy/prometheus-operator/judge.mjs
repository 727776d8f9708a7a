// Reads a ServiceMonitor as JSON, and ends with 1 and what is wrong with it when it is none. Given to node as text, where
// the schemas are: an import looks from there.
import { readFileSync } from "node:fs";
import { ServiceMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";

try {
  new ServiceMonitor(JSON.parse(readFileSync(0, "utf8"))).validate();
} catch (problem) {
  console.error(problem.message);
  process.exit(1);
}
