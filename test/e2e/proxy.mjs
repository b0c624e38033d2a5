// A TCP relay that answers 404 to /rtc/v1, as a server without single peer connections does, so
// that clients fall back to /rtc. Nothing else of the stream is looked at or changed.
import net from "node:net";
import { once } from "node:events";

export class NoSinglePeerProxy {
  sockets = new Set();

  static async start(target) {
    const proxy = new NoSinglePeerProxy();
    proxy.server = net.createServer((client) => proxy.serve(client, target));
    proxy.server.listen(0, "127.0.0.1");
    await once(proxy.server, "listening");
    proxy.port = proxy.server.address().port;
    proxy.wsUrl = `ws://127.0.0.1:${proxy.port}`;
    return proxy;
  }

  track(socket) {
    this.sockets.add(socket);
    socket.on("close", () => this.sockets.delete(socket));
    socket.on("error", () => socket.destroy());
  }

  serve(client, target) {
    this.track(client);
    client.once("data", (first) => {
      if (/^GET \/rtc\/v1[/?]/.test(first.toString("latin1"))) {
        client.end("HTTP/1.1 404 Not Found\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return;
      }
      const server = net.connect(target, "127.0.0.1");
      this.track(server);
      server.write(first);
      client.pipe(server).pipe(client);
    });
  }

  async stop() {
    for (const s of this.sockets) s.destroy();
    this.server.close();
    await once(this.server, "close");
  }
}

// A TCP relay whose connections can be cut: what a client says over it goes through it alone.
export class Relay {
  sockets = new Set();

  static async start(target, host = "127.0.0.1") {
    const relay = new Relay();
    relay.server = net.createServer((client) => {
      const server = net.connect(target, host);
      for (const [a, b] of [[client, server], [server, client]]) {
        relay.sockets.add(a);
        a.on("close", () => (relay.sockets.delete(a), b.destroy()));
        a.on("error", () => a.destroy());
        a.pipe(b);
      }
    });
    relay.server.listen(0, host);
    await once(relay.server, "listening");
    relay.url = `ws://${host}:${relay.server.address().port}`;
    return relay;
  }

  cut() {
    for (const s of this.sockets) s.destroy();
  }

  async stop() {
    this.cut();
    this.server.close();
    await once(this.server, "close");
  }
}
