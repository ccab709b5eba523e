// Asks the official compliance suite about recorded streams: bun official.ts CHECKOUT STREAMS
//
// CHECKOUT is a copy of the suite's repository with its packages installed, STREAMS a folder written by
// `python -m tools.comparison --streams`. The suite's own runner does the work, with its streaming test and its WebSocket
// test, over endpoints of our own that answer with a recorded stream. One check of these tests is left out: that the
// response is completed. It is about the question they ask; a recorded stream may well tell of a failure.
//
// Prints {"answers": {NAME: [complaint ...]}, "versions": {...}}.

const [checkout, streams] = process.argv.slice(2);
const { runAllTests, testTemplates } = await import(`${checkout}/src/lib/compliance-tests.ts`);
const samples = await Bun.file(`${streams}/streams.json`).json();
const byName = new Map<string, any>();
for (const sample of samples) {
  byName.set(sample.name, { ...sample, bytes: await Bun.file(`${streams}/${sample.file}`).bytes() });
}

const server = Bun.serve<{ name: string }>({
  port: 0,
  hostname: "127.0.0.1",
  fetch(request, server) {
    const name = new URL(request.url).pathname.split("/")[1];
    const sample = byName.get(name);
    if (sample.transport === "websocket") {
      return server.upgrade(request, { data: { name } }) ? undefined : new Response(null, { status: 426 });
    }
    return new Response(sample.bytes, { headers: { "content-type": sample.content_type } });
  },
  websocket: {
    message(socket) {
      const lines = new TextDecoder().decode(byName.get(socket.data.name).bytes).split("\n");
      for (const line of lines.filter((line) => line !== "")) socket.send(line);
    },
  },
});

const answers: Record<string, string[]> = {};
for (const { name, transport, body } of samples) {
  const wanted = transport === "websocket" ? "websocket-response" : "streaming-response";
  const template = testTemplates.find((one: any) => one.id === wanted);
  const request = transport === "websocket" ? { type: "response.create", ...body } : body;
  const asked = {
    ...template,
    getRequest: () => request,
    validators: template.validators.filter((check: any) => check.name !== "completedStatus"),
  };
  const config = {
    baseUrl: `http://127.0.0.1:${server.port}/${name}`,
    apiKey: "none",
    model: body.model,
    authHeaderName: "Authorization",
    useBearerPrefix: true,
    runtime: "server",
  };
  let result: any;
  await runAllTests(config, (update: any) => (result = update), [asked]);
  answers[name] = result.status === "passed" ? [] : [...(result.errors ?? []), result.status].slice(0, 1);
}
server.stop(true);

const zod = await Bun.file(Bun.resolveSync("zod/package.json", checkout)).json();
console.log(JSON.stringify({ answers, versions: { bun: Bun.version, zod: zod.version } }));
process.exit(0);
