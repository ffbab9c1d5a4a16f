// LangChain's tools, and what its package for Gemini makes of their schemas.
import { load } from "./load.mjs";
import { BEARER, trial } from "./trial.mjs";

const { MultiServerMCPClient } = await load("@langchain/mcp-adapters");

await trial(async (url) => {
  const mcpServers = { lucarne: { transport: "http", url, headers: BEARER } };
  const client = new MultiServerMCPClient({ mcpServers });
  const tools = await client.getTools();
  return {
    names: async () => (await client.getTools()).map((tool) => tool.name),
    call: async (name, given) =>
      JSON.stringify(await tools.find((tool) => tool.name === name).invoke(given)),
    close: () => client.close(),
  };
});
