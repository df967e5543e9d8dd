-- What the command line asked for: bpf.main fills it in. loop.settings is the same table.
return {}
