// The steps of trial.py, for libraries of JavaScript: `connect(url)` gives `names`, `call`, `close`.

export const BEARER = { Authorization: `Bearer ${process.env.MCP_TOKEN}` };
const TOOLS = ["describe_models", "list_records", "get_record", "query_records"];
const say = (step, wrong) => console.log(`${step}\t${wrong ?? "ok"}`.replaceAll("\n", " "));

async function read(client, tool, given) {
  try {
    return String(await client.call(tool, given));
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
}

function holds(text, ...wanted) {
  if (!wanted.some((part) => text.includes(part))) {
    throw new Error(`${JSON.stringify(text.slice(0, 160))} has none of ${wanted}`);
  }
}

export async function trial(connect) {
  let step = "list";
  setTimeout(() => {
    say(step, "no answer within 40 s");
    process.exit(0);
  }, 40_000).unref();
  try {
    const client = await connect(process.env.LUCARNE_URL);
    const names = await client.names();
    say("list", TOOLS.every((name) => names.includes(name)) ? undefined : `only ${names}`);
    step = "get";
    const number = await read(client, "get_record", { model: "people", id: 2 });
    if (number.includes("Noor")) {
      say("get");
    } else {
      holds(await read(client, "get_record", { model: "people", id: "2" }), "Noor");
      say("get", "ok, with the number as text");
    }
    step = "query";
    const filters = { age: { $gte: 30, $lt: 50 } };
    const query = { model: "people", filters, sort: ["-age"], fields: ["id", "name"], limit: 1 };
    holds(await read(client, "query_records", query), "Edda");
    say("query");
    step = "error";
    holds(await read(client, "get_record", { model: "people", id: "999" }), "not found", "not_found");
    holds(await read(client, "get_record", { model: "people", id: "2" }), "Noor");
    say("error");
    await client.close();
    step = "limit";
    const limited = await connect(process.env.LUCARNE_LIMITED_URL);
    let said = "";
    for (let turn = 0; turn < 4; turn++) {
      said = await read(limited, "get_record", { model: "people", id: "2" });
    }
    if (said.includes("Noor")) throw new Error("the limit did not come");
    const again = await limited.names();
    const told = said.includes("Rate limit exceeded") || said.includes("429");
    say("limit", told && again.length >= 4 ? undefined : `ok, but the model reads ${said.slice(0, 100)}`);
  } catch (error) {
    say(step, `${error.name}: ${error.message.slice(0, 120)}`);
  }
  process.exit(0);
}
