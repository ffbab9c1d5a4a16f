const ws = new WebSocket('ws://localhost:8000/mcp/ws', {
    headers: {
        'X-MCP-Token': 'your-secret-token'
    }
});

ws.onopen = () => {
    // List open tickets
    const request = {
        id: 'req-1',
        action: 'list',
        model: 'tickets',
        params: {
            filters: { status: 'open' },
            limit: 20
        }
    };
    ws.send(JSON.stringify(request));
};

ws.onmessage = (event) => {
    const response = JSON.parse(event.data);
    console.log('Response:', response);
    
    if (response.status === 'ok') {
        console.log('Data:', response.data);
    } else {
        console.error('Error:', response.error);
    }
};

ws.onerror = (error) => {
    console.error('WebSocket error:', error);
};

ws.onclose = () => {
    console.log('Connection closed');
};
