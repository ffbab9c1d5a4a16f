// The official SDK, second generation.
import { load } from "./load.mjs";
import { BEARER, trial } from "./trial.mjs";

const { Client, StreamableHTTPClientTransport } = await load("@modelcontextprotocol/client");

await trial(async (url) => {
  const client = new Client({ name: "trial", version: "1" });
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: BEARER } }));
  return {
    names: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async (name, given) => (await client.callTool({ name, arguments: given })).content[0].text,
    close: () => client.close(),
  };
});
