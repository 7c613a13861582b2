-- A node has ended, with all its rooms. ARGV: epoch.

remove_node(ARGV[1])
return { 'ok' }
