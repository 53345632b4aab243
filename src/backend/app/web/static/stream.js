// A SharedWorker: one stream for all tabs of a browser, for a browser keeps six connections to a server.
"use strict";
const SILENT_MS = 40000; // the server speaks every 15 seconds
const ports = new Set();
let source, last, heard = 0;

function tell(message) {
  for (const port of ports) port.postMessage(message);
}

function connect(path) {
  heard = Date.now();
  source = new EventSource(path);
  source.addEventListener("state", (event) => {
    heard = Date.now();
    last = { state: JSON.parse(event.data), heard };
    tell(last);
  });
  source.addEventListener("error", () => tell({ lost: true, heard: last ? last.heard : 0 }));
}

// A browser gives up where it is answered with an error, and hears nothing of a network that is gone.
setInterval(() => {
  if (source && (source.readyState === EventSource.CLOSED || Date.now() - heard > SILENT_MS)) {
    source.close();
    connect(source.url);
  }
}, 3000);

onconnect = (event) => {
  const port = event.ports[0];
  port.onmessage = ({ data }) => {
    if (data.bye) {
      ports.delete(port);
      if (!ports.size && source) {
        source.close();
        source = undefined;
      }
      return;
    }
    ports.add(port);
    if (!source) connect(data.source);
    else if (last) port.postMessage(last);
  };
};
