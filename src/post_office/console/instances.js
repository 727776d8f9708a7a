// Which instance served what, where there are several.

const instances = {
  here: "",          // the one at the other end of this connection
  seen: new Set(),   // in the life of this page: one that has gone has served some of what is shown
};

// With one alone, its name on everything would say nothing.
function sawInstances(names) {
  for (const name of names) instances.seen.add(name);
  if (instances.seen.size > 1) document.body.dataset.instances = "several";
}

// Every message of the conversation has gone through the instance of its connection.
class Via {
  constructor() {
    this.node = el("span", { className: "chip via" });
    this.now();
  }

  now() {
    this.node.textContent = `via ${instances.here}`;
  }
}

function connectedTo(name) {
  instances.here = name;
  sawInstances([name]);
  for (const id of ["instance", "connection-instance"]) $(id).textContent = name;
}
