"""The daemon: a workspace behind HTTP.

`daemon` opens socket, workspace and application, and takes them down in order. `service` is what every handler may use.
The edges `azure` and `gateway` each speak one foreign protocol, and each can be deleted alone.
"""
