"""MCP server: tools with which another agent starts runs, waits for them and reads them; it never votes."""
