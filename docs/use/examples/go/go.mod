module example.com/billing/tokens

go 1.21
