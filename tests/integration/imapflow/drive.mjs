// Drives imapflow: a call a line on the standard input, as JSON ["name", argument, …]; answers and events on the
// standard output, as JSON too.
import readline from 'node:readline';
import { ImapFlow } from 'imapflow';

const client = new ImapFlow({ ...JSON.parse(process.argv[2]), logger: false });

function plain(key, value) {
    if (typeof value === 'bigint') {
        return value.toString();
    }
    if (value instanceof Set) {
        return [...value];
    }
    if (value instanceof Map) {
        return Object.fromEntries(value);
    }
    if (value && value.type === 'Buffer') {
        return Buffer.from(value.data).toString('latin1');
    }
    return value;
}

function say(what) {
    process.stdout.write(JSON.stringify(what, plain) + '\n');
}

for (const name of ['exists', 'expunge', 'flags', 'error', 'close']) {
    client.on(name, data => say({ event: name, data: data instanceof Error ? data.message : data }));
}

const calls = {
    async fetchEach(range, query, options) {
        const found = [];
        for await (const message of client.fetch(range, query, options)) {
            found.push(message);
        }
        return found;
    },
    // It ends when another call comes.
    async startIdle() {
        client.idle().catch(error => say({ event: 'error', data: error.message }));
    },
    async downloaded(range, part, options) {
        const { meta, content } = await client.download(range, part, options);
        const chunks = [];
        for await (const chunk of content) {
            chunks.push(chunk);
        }
        return { meta, content: Buffer.concat(chunks).toString('latin1') };
    },
    async reopened(path, changedSince, uidValidity) {
        return client.mailboxOpen(path, { changedSince: BigInt(changedSince), uidValidity: BigInt(uidValidity) });
    },
    async state() {
        return {
            capabilities: client.capabilities,
            enabled: client.enabled,
            isCompressed: !!client._inflate,
            mailbox: client.mailbox
        };
    }
};

for await (const line of readline.createInterface({ input: process.stdin })) {
    const [name, ...words] = JSON.parse(line);
    try {
        const result = await (name in calls ? calls[name](...words) : client[name](...words));
        say({ result: result === undefined ? null : result });
    } catch (error) {
        say({ failed: error.responseText || error.message, code: error.serverResponseCode || '' });
    }
}
process.exit(0);
