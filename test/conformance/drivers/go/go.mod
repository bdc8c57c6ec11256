module example.com/driver

go 1.21

require example.com/billing/tokens v0.0.0

replace example.com/billing/tokens => ../../../../docs/use/examples/go
