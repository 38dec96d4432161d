# No role here: a service-managed stack set brings its own into every account, and the worker's
# role is in worker.base.json, compared with the worker module by the tests of xtask.
