// The AI SDK's client.
import { load } from "./load.mjs";
import { BEARER, trial } from "./trial.mjs";

const { createMCPClient } = await load("@ai-sdk/mcp");

await trial(async (url) => {
  const client = await createMCPClient({ transport: { type: "http", url, headers: BEARER } });
  const tools = await client.tools();
  return {
    names: async () => Object.keys(await client.tools()),
    call: async (name, given) =>
      JSON.stringify(await tools[name].execute(given, { toolCallId: "1", messages: [] })),
    close: () => client.close(),
  };
});
